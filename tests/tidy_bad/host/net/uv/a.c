/* SPDX-License-Identifier: ISC */
/* a comment may name host.example.org.de */
static const char *const fine[] = {"example.com", "127.0.0.1", "192.0.2.7", "2001:db8::1", "a.c",
				   "198.18.3.4", "10.0.0.1", "fe80::1", "1.2.3", "message.send"};
static const char *const hosts[] = {
	"boot.kith-net.org", /* BREACH */
	"https://Kith.IO/x", /* BREACH */
	"8.8.8.8", /* BREACH */
	"[2a01:4f8::1]:33", /* BREACH */
	"2606:4700:4700:0:0:0:0:1111", /* BREACH */
};
