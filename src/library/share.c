/* SPDX-License-Identifier: MIT
 *
 * See share.h.
 */
#include "library/share.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAIT_MS 500 /* between two looks at what others have in hand */

static bool wants(const struct share *share, size_t i, bool again)
{
    return share->claims[i] == CLAIM_FREE || (again && share->claims[i] == CLAIM_TAKEN);
}

/* Of the files that nobody is known to have done or to do in this run. */
static enum status offer(struct share *share, struct err *err)
{
    enum status status = OK;
    const char *paths[STORE_OFFER_MAX];
    for (size_t i = 0; status == OK && i < share->count;) {
        size_t n = 0;
        for (; n < STORE_OFFER_MAX && i < share->count; i++)
            if (wants(share, i, true))
                paths[n++] = share->files[i]->path;
        status = store_claims_offer(share->store, share->model_id, paths, n, err);
    }
    return status;
}

/* Takes up to `most` of the files from `at` on that are free (again: or were taken by others) and
 * writes down what it hears. */
static enum status ask(struct share *share, size_t *at, bool again, const struct found_file **taken,
                       size_t most, size_t *taken_count, struct err *err)
{
    const char *paths[STORE_TAKE_MAX];
    size_t places[STORE_TAKE_MAX], n = 0, i = *at;
    enum claim claims[STORE_TAKE_MAX] = {0};
    for (; i < share->count && n < STORE_TAKE_MAX; i++) {
        if (!wants(share, i, again))
            continue;
        places[n] = i;
        paths[n++] = share->files[i]->path;
    }
    pthread_mutex_lock(share->store_lock);
    enum status status =
        store_claims_take(share->store, share->model_id, paths, n, most, claims, err);
    bool lost = status == OK && n > 0 && claims[0] == CLAIM_LOST;
    if (lost)
        status = offer(share, err);
    pthread_mutex_unlock(share->store_lock);
    *taken_count = 0;
    if (status != OK || lost) /* then the caller asks again, from the same place */
        return status;
    for (size_t k = 0; k < n; k++) {
        share->claims[places[k]] = (uint8_t)claims[k];
        if (claims[k] == CLAIM_MINE)
            taken[(*taken_count)++] = share->files[places[k]];
        if (claims[k] == CLAIM_DONE)
            atomic_fetch_add(&share->elsewhere, 1);
    }
    *at = i;
    return OK;
}

static enum status take_shared(struct share *share, const struct found_file **files, size_t most,
                               size_t *count, struct err *err)
{
    enum status status = OK;
    if (share->hand_count > 0) {
        *count = share->hand_count < most ? share->hand_count : most;
        share->hand_count -= *count;
        memcpy(files, share->hand + share->hand_count, *count * sizeof *files);
        return OK;
    }
    *count = 0;
    while (status == OK && *count == 0 && share->at < share->count) {
        size_t end = share->at;
        status = ask(share, &end, false, files, most, count, err);
        while (share->at < end && share->claims[share->at] != CLAIM_FREE)
            share->at++;
    }
    return status;
}

static enum status take(void *context, const struct found_file **files, size_t most, size_t *count,
                        struct err *err)
{
    struct share *share = context;
    if (share->asks)
        return take_shared(share, files, most, count, err);
    *count = share->count - share->at < most ? share->count - share->at : most;
    memcpy(files, share->files + share->at, *count * sizeof *files);
    share->at += *count;
    return OK;
}

struct pipeline_source share_source(struct share *share)
{
    return (struct pipeline_source){.take = take, .context = share, .count = share->count};
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* Asks about everything that others had in hand at the last look. */
static enum status look_again(struct share *share, size_t *taken_by_others, struct err *err)
{
    enum status status = OK;
    for (size_t at = 0; status == OK && at < share->count && share->hand_count == 0;)
        status = ask(share, &at, true, share->hand, PIPELINE_HAND_MAX, &share->hand_count, err);
    *taken_by_others = 0;
    share->at = share->count;
    for (size_t i = share->count; i-- > 0;) {
        *taken_by_others += share->claims[i] == CLAIM_TAKEN;
        if (share->claims[i] == CLAIM_FREE)
            share->at = i;
    }
    return status;
}

enum status share_wait(struct share *share, const atomic_bool *cancel, void (*tick)(void *context),
                       void *context, bool *more, struct err *err)
{
    *more = false;
    if (!share->asks)
        return OK;
    while (!cancel || !atomic_load(cancel)) {
        size_t taken_by_others;
        enum status status = look_again(share, &taken_by_others, err);
        *more = status == OK && (share->hand_count > 0 || share->at < share->count);
        if (status != OK || *more || taken_by_others == 0)
            return status;
        tick(context);
        pause_ms(WAIT_MS);
    }
    return OK;
}

enum status share_open(struct share *share, struct store *store, pthread_mutex_t *store_lock,
                       int64_t model_id, const struct found_file *const *files, size_t count,
                       struct err *err)
{
    *share = (struct share){.store = store,
                            .store_lock = store_lock,
                            .model_id = model_id,
                            .files = files,
                            .count = count,
                            .asks = store_is_shared(store)};
    if (!share->asks || count == 0)
        return OK;
    share->claims = calloc(count, 1);
    if (!share->claims)
        return err_no_memory(err, "the list of files", count);
    return offer(share, err);
}

void share_close(struct share *share)
{
    free(share->claims);
    share->claims = NULL;
}
