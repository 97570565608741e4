/* SPDX-License-Identifier: ISC */
int a; /* BREACH */ 
  	int b; /* BREACH */
        int c; /* BREACH */
	int d;
 	/* BREACH */
int e; /* BREACH no newline */