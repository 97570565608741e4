int BREACH;
