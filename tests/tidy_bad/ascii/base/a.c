/* SPDX-License-Identifier: ISC */
/* BREACH é */
