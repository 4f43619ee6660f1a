/* SPDX-License-Identifier: MIT
 *
 * Which library multiplies matrices: the order of preference and FOVEA_GEMM.
 */
#include "tensor/gemm.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const struct gemm *selected; /* guarded by lock until set, then constant */

#if !defined(FOVEA_HAVE_ONEDNN) && !defined(FOVEA_HAVE_CBLAS)
#error "fovea needs oneDNN or a CBLAS for its matrix products"
#endif

static const char *const built_in =
#if defined(FOVEA_HAVE_ONEDNN) && defined(FOVEA_HAVE_CBLAS)
    "onednn or cblas";
#elif defined(FOVEA_HAVE_ONEDNN)
    "onednn";
#else
    "cblas";
#endif

/* wanted: "" for whatever is best. */
static enum status choose(const char *wanted, struct err *err)
{
    bool any = !*wanted;
#ifdef FOVEA_HAVE_ONEDNN
    if (any || strcmp(wanted, "onednn") == 0) {
        bool fast;
        const struct gemm *gemm;
        enum status status = gemm_onednn(&gemm, &fast, err);
        if (status != OK)
            return status;
        bool other = false;
#ifdef FOVEA_HAVE_CBLAS
        other = true;
#endif
        if (fast || !any || !other) {
            selected = gemm;
            return OK;
        }
    }
#endif
#ifdef FOVEA_HAVE_CBLAS
    if (any || strcmp(wanted, "cblas") == 0)
        return gemm_cblas(&selected, err);
#endif
    return err_set(err, ERR_ARGUMENT, "FOVEA_GEMM=%s: this build has %s", wanted, built_in);
}

enum status gemm_select(const struct gemm **out, struct err *err)
{
    enum status status = OK;
    pthread_mutex_lock(&lock);
    if (!selected) {
        const char *wanted = getenv("FOVEA_GEMM");
        status = choose(wanted ? wanted : "", err);
    }
    *out = selected;
    pthread_mutex_unlock(&lock);
    return status;
}
