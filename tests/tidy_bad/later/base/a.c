/* SPDX-License-Identifier: ISC */
/* TODO: BREACH */
/* FIXME BREACH */
/* XXX BREACH */
/* mktemp name.XXXXXX */
