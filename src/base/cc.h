/* cc - what we ask of the compiler beyond C17, under short names. */
#ifndef MOAT_BASE_CC_H
#define MOAT_BASE_CC_H

#define MUST_USE         __attribute__((warn_unused_result))
#define PRINTF(fmt, arg) __attribute__((format(printf, fmt, arg)))
#define NORETURN         __attribute__((noreturn))

/* Run fini(&x) when x leaves its scope. For short functions; long ones use one fail ladder. */
#define AUTO(fini) __attribute__((cleanup(fini)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* The struct of the given type whose member field is at ptr. */
#define CONTAINER_OF(ptr, type, field) ((type *)(void *)((char *)(ptr)-offsetof(type, field)))

/* One bit of a set of enum values, for tables of allowed moves. */
#define TO(state) (1u << (state))

#endif
