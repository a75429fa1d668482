/* splice.c: the text of a bound query with its references spliced in, and the map back to the user's. */
#include "plan/bind.h"

const char *tarn_bind_shell_name(tarn_cx *cx, size_t ref) { return tarn_printf(cx, "tarn_s%zu", ref); }

static size_t origin(const tarn_scope *scope, size_t at) {
    size_t in = tarn_text_origin(&scope->query.text, at);
    for (; scope->outer; scope = scope->outer) in = tarn_text_origin(&scope->outer->query.text, scope->outer_at);
    return in;
}

typedef struct emitter {
    const tarn_binding *binding;
    bool for_plan;
    tarn_buf out;
    tarn_text *text;
} emitter;

static void piece(tarn_cx *cx, emitter *e, const tarn_scope *scope, size_t at, bool exact) {
    tarn_piece *p = TARN_PUSH(cx->arena, &e->text->pieces);
    *p = (tarn_piece){
        .out_at = (uint32_t)e->out.n, .in_at = (uint32_t)origin(scope, at), .exact = exact && !scope->outer};
}

/* Copies text[from..to), one piece for every piece of the dialect's own map in it. */
static void copy(tarn_cx *cx, emitter *e, const tarn_scope *scope, size_t from, size_t to) {
    const tarn_text *t = &scope->query.text;
    if (from >= to) return;
    piece(cx, e, scope, from, true);
    for (size_t i = 0; i < t->pieces.n; i++) {
        const tarn_piece *p = &t->pieces.at[i];
        if (p->out_at <= from || p->out_at >= to) continue;
        tarn_buf_add(&e->out, t->sql + from, p->out_at - from);
        from = p->out_at;
        piece(cx, e, scope, from, p->exact);
    }
    tarn_buf_add(&e->out, t->sql + from, to - from);
}

static void emit_scope(tarn_cx *cx, emitter *e, const tarn_scope *scope);

static void emit_alias(emitter *e, const char *alias) {
    if (!alias) return;
    tarn_buf_puts(&e->out, " AS ");
    tarn_buf_sql_name(&e->out, alias);
}

static void emit_relation(tarn_cx *cx, emitter *e, const tarn_splice *s) {
    if (s->show) tarn_buf_puts(&e->out, "SELECT * FROM ");
    if (s->kind == TARN_SPLICE_SCOPE) {
        tarn_buf_puts(&e->out, "(");
        emit_scope(cx, e, s->scope);
        tarn_buf_puts(&e->out, "\n)"); /* the view may end in a comment */
    } else if (s->kind == TARN_SPLICE_REF && e->for_plan) {
        tarn_buf_printf(&e->out, "temp.\"%s\"", tarn_bind_shell_name(cx, s->ref));
    } else if (s->kind == TARN_SPLICE_REF) {
        tarn_buf_puts(&e->out, "(");
        const tarn_plan_ref *ref = &e->binding->planned->refs.at[s->ref];
        tarn_buf_puts(&e->out, ref->from_metadata ? ref->from_metadata : ref->scan.sql);
        tarn_buf_puts(&e->out, ")");
    } else {
        tarn_buf_puts(&e->out, e->for_plan && s->shell ? s->shell : s->text);
    }
    emit_alias(e, s->alias);
}

static void emit_scope(tarn_cx *cx, emitter *e, const tarn_scope *scope) {
    size_t at = 0;
    for (size_t i = 0; i < scope->splices.n; i++) {
        const tarn_splice *s = &scope->splices.at[i];
        if (s->at < at || (s->kind == TARN_SPLICE_PARAM && !e->for_plan)) continue;
        copy(cx, e, scope, at, s->at);
        piece(cx, e, scope, s->at, false);
        if (s->kind == TARN_SPLICE_PARAM)
            tarn_value_sql(&e->out, &e->binding->binds[s->ref].value);
        else
            emit_relation(cx, e, s);
        at = s->at + s->n;
    }
    copy(cx, e, scope, at, scope->query.text.n);
}

tarn_code tarn_bind_text(tarn_cx *cx, const tarn_binding *binding, bool for_plan, tarn_text *out) {
    tarn_text text = {0};
    emitter e = {.binding = binding, .for_plan = for_plan, .out = TARN_BUF((size_t)1 << 31), .text = &text};
    emit_scope(cx, &e, binding->top);
    if (e.out.failed) {
        tarn_buf_free(&e.out);
        return tarn_fail(cx, TARN_LIMIT, "the planned statement passes 2 GB: it reads too many files at once");
    }
    text.n = e.out.n;
    text.sql = tarn_buf_take(&e.out, cx->arena);
    tarn_buf_free(&e.out);
    *out = text;
    return TARN_OK;
}
