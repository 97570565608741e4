/* SPDX-License-Identifier: ISC */
/* Opens. */
int kith_store_open(void);
/* A leak. */
int store_go(void); /* BREACH */
/* The wrong layer. */
int kith_dht_go(void); /* BREACH */
/* A hidden struct. */
typedef struct kith_store_x kith_store_x; /* BREACH */
/* Internal to the folder. */
int kith__store_go(void); /* BREACH */
