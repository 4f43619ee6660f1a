/* SPDX-License-Identifier: MIT
 *
 * fake-hub ROOT [RULE=N…]: fake_hub.h as a program, for tests of the program and for trying things
 * by hand. Prints the hub's address, serves until its standard input ends, then prints its counts.
 */
#include "fake_hub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool set_rule(struct fake_hub_rules *rules, const char *text)
{
    const char *equals = strchr(text, '=');
    const struct {
        const char *name;
        int *number;
        bool *flag;
    } known[] = {
        {"seed", (int *)&rules->seed, NULL},
        {"cuts", &rules->cuts, NULL},
        {"status", &rules->statuses[0], NULL},
        {"retry_after", &rules->retry_after, NULL},
        {"claim_gb", &rules->claim_gb, NULL},
        {"drip_ms", &rules->drip_ms, NULL},
        {"status_of_repo", &rules->status_of_repo, NULL},
        {"no_ranges", NULL, &rules->no_ranges},
        {"wrong_bytes", NULL, &rules->wrong_bytes},
    };
    for (size_t i = 0; equals && i < sizeof known / sizeof *known; i++) {
        if (strlen(known[i].name) != (size_t)(equals - text) ||
            strncmp(known[i].name, text, (size_t)(equals - text)) != 0)
            continue;
        if (known[i].number)
            *known[i].number = atoi(equals + 1);
        else
            *known[i].flag = atoi(equals + 1) != 0;
        return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: fake-hub ROOT [RULE=N...]\n");
        return 2;
    }
    struct fake_hub *hub = fake_hub_start(argv[1]);
    for (int i = 2; i < argc; i++)
        if (!set_rule(&hub->rules, argv[i])) {
            fprintf(stderr, "fake-hub: unknown rule %s\n", argv[i]);
            return 2;
        }
    printf("%s\n", hub->url);
    fflush(stdout);
    while (getchar() != EOF)
        continue;
    printf("connections=%d hub=%d cdn=%d authorized=%d leaked=%d\n", hub->counts.connections,
           hub->counts.hub_requests, hub->counts.cdn_requests, hub->counts.hub_authorizations,
           hub->counts.cdn_authorizations);
    return 0;
}
