/* SPDX-License-Identifier: MIT
 *
 * Where Expat stands in what it reads. Newer ones have names of their own for numbers of 64 bits,
 * and tell the compiler to warn of the others. Internal to the meta room.
 */
#ifndef FOVEA_META_EXPAT_PLACE_H
#define FOVEA_META_EXPAT_PLACE_H

#include <expat.h>
#include <stddef.h>

#ifdef FOVEA_EXPAT_HAS_64
#define EXPAT_PLACE(what, parser) XML_GetCurrent##what##64(parser)
#else
#define EXPAT_PLACE(what, parser) XML_GetCurrent##what(parser)
#endif

static inline unsigned long expat_line(XML_Parser parser)
{
    return (unsigned long)EXPAT_PLACE(LineNumber, parser);
}

static inline unsigned long expat_column(XML_Parser parser)
{
    return (unsigned long)EXPAT_PLACE(ColumnNumber, parser);
}

/* The bytes of the event that is being told: from here, so many. */
static inline size_t expat_byte(XML_Parser parser)
{
    return (size_t)EXPAT_PLACE(ByteIndex, parser);
}

static inline size_t expat_byte_count(XML_Parser parser)
{
    return (size_t)EXPAT_PLACE(ByteCount, parser);
}

#endif
