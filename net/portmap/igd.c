/* SPDX-License-Identifier: ISC */
/*
 * One job with an Internet Gateway Device (UPnP IGD 1 and 2), by miniupnpc. Runs in a child that
 * may crash or hang at any line of it; guard.c says where its sockets may go. Order: the router
 * that the note names, else a search of one second, else of two.
 */
#include <miniupnpc/miniupnpc.h>
#include <miniupnpc/miniwget.h>
#include <miniupnpc/upnpcommands.h>
#include <miniupnpc/upnperrors.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "net/portmap/internal.h"

#if MINIUPNPC_API_VERSION < 14
#error "miniupnpc is too old: a search with a time to live is needed"
#endif

#define DEVICES_MAX 8u /* answers to a search that are looked at */
#define PORTS_MAX   8u /* other ports that are tried where one is taken */

/* UPnP error codes (WANIPConnection 2.4). */
#define E_INVALID_ACTION 401
#define E_CONFLICT       718
#define E_SAME_PORT      724
#define E_FOR_GOOD_ONLY  725
#define E_NO_SUCH_ENTRY  714

struct igd {
	struct UPNPUrls urls;
	struct IGDdatas data;
	char gateway[16], local[16];
	const char *service;
};

static void dotted(char out[16], const struct kith_addr *a)
{
	(void)snprintf(out, 16, "%u.%u.%u.%u", a->ip[12], a->ip[13], a->ip[14], a->ip[15]);
}

/* "http://GATEWAY:PORT/..": the only place that is asked. */
static bool at_gateway(const struct igd *g, const char *url)
{
	size_t len = strlen(g->gateway);

	return url != NULL && strncmp(url, "http://", 7) == 0 &&
	       strncmp(url + 7, g->gateway, len) == 0 &&
	       (url[7 + len] == ':' || url[7 + len] == '/');
}

/* Reads the description at `url`; true: it is a router with a service that maps ports. */
static bool open_igd(struct igd *g, const char *url)
{
	int size = 0, http = 0;
	char *xml;

	if (!at_gateway(g, url))
		return false;
	xml = miniwget(url, &size, 0, &http);
	if (xml == NULL)
		return false;
	memset(&g->data, 0, sizeof(g->data));
	memset(&g->urls, 0, sizeof(g->urls));
	if (http == 200 && size > 0)
		parserootdesc(xml, size, &g->data);
	/* the library's memory: this process ends with the job */
	g->service = g->data.first.servicetype;
	if (strncmp(g->service, "urn:schemas-upnp-org:service:WAN", 32) != 0)
		return false;
	GetUPNPUrls(&g->urls, &g->data, url, 0);
	return at_gateway(g, g->urls.controlURL);
}

static void take_note(struct kith__portmap_note *note, const char *url)
{
	size_t len = strlen(url);

	note->len = 0;
	if (len >= sizeof(note->b))
		return;
	memcpy(note->b, url, len);
	note->len = len;
}

/* `answered`: the gateway did, so a longer search would tell nothing new. */
static bool search(struct igd *g, int wait_ms, struct kith__portmap_note *note, bool *answered)
{
	static const char *const kinds[] = {"urn:schemas-upnp-org:device:InternetGatewayDevice:2",
					    "urn:schemas-upnp-org:device:InternetGatewayDevice:1",
					    NULL};
	unsigned seen = 0;
	int error = 0;
	const struct UPNPDev *d = upnpDiscoverDevices(kinds, wait_ms, g->local, NULL,
						      UPNP_LOCAL_PORT_ANY, 0, 1, &error, 0);

	for (; d != NULL && seen < DEVICES_MAX; d = d->pNext) {
		if (!at_gateway(g, d->descURL))
			continue;
		seen++;
		*answered = true;
		if (open_igd(g, d->descURL)) {
			take_note(note, d->descURL);
			return true;
		}
	}
	return false;
}

static bool find_igd(struct igd *g, struct kith__portmap_note *note)
{
	char url[PORTMAP_NOTE_MAX + 1];
	bool answered = false;

	if (note->len > 0) {
		memcpy(url, note->b, note->len);
		url[note->len] = '\0';
		if (open_igd(g, url))
			return true;
		note->len = 0;
	}
	return search(g, 1000, note, &answered) || (!answered && search(g, 2000, note, &answered));
}

/* ---- verbs ---- */

struct numbers {
	char internal[8], external[8], lease[12];
};

/* Another host has this port: some routers would hand it over without a word. */
static bool is_taken(const struct igd *g, const char *external)
{
	char client[40] = "", port[6] = "", text[80] = "", enabled[4] = "", lease[16] = "";
	int error =
		UPNP_GetSpecificPortMappingEntry(g->urls.controlURL, g->service, external, "UDP",
						 NULL, client, port, text, enabled, lease);

	return error == UPNPCOMMAND_SUCCESS && strcmp(client, g->local) != 0;
}

static int add_once(const struct igd *g, struct numbers *n)
{
	char reserved[6] = "";
	size_t len = strlen(g->service);
	int error = E_INVALID_ACTION;

	if (len > 2 && strcmp(g->service + len - 2, ":2") == 0) {
		error = UPNP_AddAnyPortMapping(g->urls.controlURL, g->service, n->external,
					       n->internal, g->local, "kith", "UDP", NULL, n->lease,
					       reserved);
		if (error == UPNPCOMMAND_SUCCESS) {
			(void)snprintf(n->external, sizeof(n->external), "%s", reserved);
			return error;
		}
		if (error == E_FOR_GOOD_ONLY)
			return error;
	}
	if (is_taken(g, n->external))
		return E_CONFLICT;
	return UPNP_AddPortMapping(g->urls.controlURL, g->service, n->external, n->internal,
				   g->local, "kith", "UDP", NULL, n->lease);
}

static void add(const struct igd *g, const struct kith_portmap_ask *ask,
		struct kith_portmap_reply *reply)
{
	struct numbers n;
	uint16_t external = ask->external;
	uint32_t lease = ask->lease_s;
	int error = UPNPCOMMAND_UNKNOWN_ERROR;
	char text[64], address[40] = "";
	unsigned long port;

	(void)snprintf(n.internal, sizeof(n.internal), "%u", ask->internal);
	for (unsigned i = 0; i < PORTS_MAX; i++) {
		(void)snprintf(n.external, sizeof(n.external), "%u", external);
		(void)snprintf(n.lease, sizeof(n.lease), "%u", lease);
		error = add_once(g, &n);
		if (error == E_FOR_GOOD_ONLY && lease != 0)
			lease = 0;
		else if (error == E_SAME_PORT && external != ask->internal)
			external = ask->internal;
		else if (error == E_CONFLICT)
			external = external >= 65000 ? 20000 : (uint16_t)(external + 1u + 7u * i);
		else
			break;
	}
	reply->code = (uint16_t)(error > 0 ? error : 0);
	reply->result = KITH_PORTMAP_REFUSED;
	port = strtoul(n.external, NULL, 10);
	if (error != UPNPCOMMAND_SUCCESS || port == 0 || port > 65535)
		return;
	if (UPNP_GetExternalIPAddress(g->urls.controlURL, g->service, address) !=
	    UPNPCOMMAND_SUCCESS)
		address[0] = '\0';
	(void)snprintf(text, sizeof(text), "%s:%lu", address, port);
	if (kith_addr_parse(&reply->external, text) != KITH_OK ||
	    !kith_addr_is_v4(&reply->external))
		reply->external = kith_addr_v4(0, 0, 0, 0, (uint16_t)port);
	reply->lease_s = lease;
	reply->result = KITH_PORTMAP_GRANTED;
}

void kith__portmap_job(const struct kith_portmap_ask *ask, struct kith__portmap_note *note,
		       struct kith_portmap_reply *reply)
{
	struct igd *g = kith_alloc_zero(NULL, 1, sizeof(*g));
	char external[8];
	int error;

	reply->result = KITH_PORTMAP_NO_IGD;
	if (g == NULL)
		return;
	dotted(g->gateway, &ask->gateway);
	dotted(g->local, &ask->local);
	if (find_igd(g, note)) {
		if (ask->verb == KITH_PORTMAP_ADD) {
			add(g, ask, reply);
		} else {
			(void)snprintf(external, sizeof(external), "%u", ask->external);
			error = UPNP_DeletePortMapping(g->urls.controlURL, g->service, external,
						       "UDP", NULL);
			reply->code = (uint16_t)(error > 0 ? error : 0);
			reply->result = error == UPNPCOMMAND_SUCCESS || error == E_NO_SUCH_ENTRY
						? KITH_PORTMAP_GRANTED
						: KITH_PORTMAP_REFUSED;
		}
	}
	kith_alloc_free(NULL, g);
}
