/* SPDX-License-Identifier: ISC BREACH */
