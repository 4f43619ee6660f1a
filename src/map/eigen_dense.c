/* SPDX-License-Identifier: MIT
 *
 * See eigen.h. LAPACK and BLAS have no header of their own that every system has; these are their
 * Fortran names. Where it is OpenBLAS, its threads are switched off: they would make the last bits
 * depend on the machine's cores.
 */
#include "map/eigen.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

extern void dsyevr_(const char *jobz, const char *range, const char *uplo, const int *n, double *a,
                    const int *lda, const double *vl, const double *vu, const int *il,
                    const int *iu, const double *abstol, int *m, double *w, double *z,
                    const int *ldz, int *isuppz, double *work, const int *lwork, int *iwork,
                    const int *liwork, int *info, size_t, size_t, size_t);
extern void dsyrk_(const char *uplo, const char *trans, const int *n, const int *k,
                   const double *alpha, const double *a, const int *lda, const double *beta,
                   double *c, const int *ldc, size_t, size_t);
extern void openblas_set_num_threads(int) __attribute__((weak));

static void one_thread(void)
{
    if (openblas_set_num_threads)
        openblas_set_num_threads(1);
}

void eigen_add_products(double *matrix, int n, const double *rows, size_t count)
{
    const double one = 1;
    const int k = (int)count;
    one_thread();
    /* Column-major to BLAS: rows is [n, count] there, and its lower triangle our upper one. */
    dsyrk_("U", "N", &n, &k, &one, rows, &n, &one, matrix, &n, 1, 1);
}

struct workspace {
    double *work, *w, *z;
    int *iwork, *support;
};

static void workspace_close(struct workspace *s)
{
    free(s->work);
    free(s->w);
    free(s->z);
    free(s->iwork);
    free(s->support);
}

static int call(double *matrix, int n, int count, struct workspace *s, int work, int iwork,
                double *query, int *iquery)
{
    const int first = n - count + 1;
    const double zero = 0;
    int found = 0, info = 0;
    dsyevr_("V", "I", "U", &n, matrix, &n, &zero, &zero, &first, &n, &zero, &found, s->w, s->z, &n,
            s->support, query ? query : s->work, &work, iquery ? iquery : s->iwork, &iwork, &info,
            1, 1, 1);
    return info == 0 && (query || found == count) ? 0 : 1;
}

static void take_vector(double *out, const double *z, int n)
{
    int largest = 0;
    for (int i = 1; i < n; i++)
        if (fabs(z[i]) > fabs(z[largest]))
            largest = i;
    for (int i = 0; i < n; i++)
        out[i] = z[largest] < 0 ? -z[i] : z[i];
}

enum status eigen_dense(double *matrix, int n, int count, double *values, double *vectors,
                        struct err *err)
{
    double query = 0;
    int iquery = 0;
    size_t width = (size_t)n, many = (size_t)count;
    struct workspace s = {.w = malloc(width * sizeof *s.w),
                          .z = malloc(width * many * sizeof *s.z),
                          .support = malloc(2 * many * sizeof *s.support)};
    enum status status = OK;
    one_thread();
    if (!s.w || !s.z || !s.support)
        status = err_no_memory(err, "eigenvectors", width * many * sizeof *s.z);
    if (status == OK && call(matrix, n, count, &s, -1, -1, &query, &iquery) != 0)
        status = err_set(err, ERR_INTERNAL, "LAPACK: dsyevr refuses a matrix of %d rows", n);
    if (status == OK) {
        s.work = malloc((size_t)query * sizeof *s.work);
        s.iwork = malloc((size_t)iquery * sizeof *s.iwork);
        if (!s.work || !s.iwork)
            status = err_no_memory(err, "eigenvectors", (size_t)query * sizeof *s.work);
    }
    if (status == OK && call(matrix, n, count, &s, (int)query, iquery, NULL, NULL) != 0)
        status = err_set(err, ERR_INTERNAL, "LAPACK: dsyevr fails on a matrix of %d rows", n);
    for (int i = 0; i < count && status == OK; i++) {
        values[i] = s.w[count - 1 - i];
        take_vector(vectors + (size_t)i * width, s.z + (size_t)(count - 1 - i) * width, n);
    }
    workspace_close(&s);
    return status;
}
