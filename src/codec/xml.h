/* xml.h: a pull scanner for the small XML documents of web services: elements and text, no DTD. */
#ifndef TARN_CODEC_XML_H
#define TARN_CODEC_XML_H

#include "base/cx.h"

enum { TARN_XML_DEPTH_MAX = 32 };

typedef struct tarn_xml {
    tarn_str rest;
    tarn_str open[TARN_XML_DEPTH_MAX]; /* the elements around the place, the root first */
    int depth;
    bool closing; /* the element just given has no content: its end comes next */
    bool rooted;  /* the root has begun */
} tarn_xml;

typedef enum tarn_xml_kind { TARN_XML_BEGIN, TARN_XML_TEXT, TARN_XML_FINISH, TARN_XML_END } tarn_xml_kind;

/* name: of BEGIN and FINISH, without a namespace's prefix; a slice of the document. text: of TEXT, decoded, in the
 * arena; one run of it may come in several pieces. Attributes, comments and processing instructions are passed over. */
typedef struct tarn_xml_token {
    tarn_xml_kind kind;
    tarn_str name, text;
} tarn_xml_token;

/* Zero-initialise with the document as `rest`. END once the root is closed. CORRUPT for what is not well-formed, deeper
 * than TARN_XML_DEPTH_MAX, or has a DTD. */
TARN_MUST tarn_code tarn_xml_next(tarn_cx *cx, tarn_xml *xml, tarn_arena *arena, tarn_xml_token *out);
/* After BEGIN: the text up to the element's end, which is passed; elements inside are passed over. */
TARN_MUST tarn_code tarn_xml_text(tarn_cx *cx, tarn_xml *xml, tarn_arena *arena, tarn_str *out);
/* After BEGIN: passes over the element. */
TARN_MUST tarn_code tarn_xml_skip(tarn_cx *cx, tarn_xml *xml, tarn_arena *arena);
/* Escapes text for between tags. false: a control character that XML 1.0 cannot hold, at all. */
bool tarn_xml_escape(tarn_buf *out, tarn_str text);

#endif
