/*
 * list: intrusive doubly linked lists.
 *
 * Shape      a `struct list` is the head; each member embeds a `struct list` node.
 * Ownership  the list owns nothing.
 * Reentry    list_each_safe() allows removing the CURRENT item only; removing the
 *            next one from inside the body is a bug: collect first, then act.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct list {
    struct list *prev;
    struct list *next;
};

static inline void list_init(struct list *head)
{
    head->prev = head;
    head->next = head;
}

static inline bool list_is_empty(const struct list *head)
{
    return head->next == head || head->next == NULL;
}

static inline void list_append(struct list *head, struct list *node)
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

static inline void list_prepend(struct list *head, struct list *node)
{
    list_append(head->next, node);
}

/* Idempotent: a removed or zeroed node may be removed again. */
static inline void list_remove(struct list *node)
{
    if (node->next == NULL) {
        return;
    }
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->prev = NULL;
    node->next = NULL;
}

#define list_first(head, type, member) CONTAINER_OF((head)->next, type, member)

#define list_each(pos, head, member)                                     \
    for ((pos) = CONTAINER_OF((head)->next, __typeof__(*(pos)), member); \
         &(pos)->member != (head);                                       \
         (pos) = CONTAINER_OF((pos)->member.next, __typeof__(*(pos)), member))

#define list_each_safe(pos, tmp, head, member)                                \
    for ((pos) = CONTAINER_OF((head)->next, __typeof__(*(pos)), member),      \
        (tmp) = CONTAINER_OF((pos)->member.next, __typeof__(*(pos)), member); \
         &(pos)->member != (head); (pos) = (tmp),                             \
        (tmp) = CONTAINER_OF((tmp)->member.next, __typeof__(*(pos)), member))

#endif
