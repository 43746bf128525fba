/* SPDX-License-Identifier: MIT */
/* A program that replaces the plain operators only, with a header before each block: every other form
 * must go through them, as the C++ standard says of the default ones. */
#include "claim.h"

#include <cstdlib>
#include <new>

static const size_t MARK = 0x5ca1ab1e;
static size_t made;
static size_t unmade;

struct alignas(16) header {
    size_t mark;
};

/* noinline: inlined, the header in front of a block looks like a mistake to the compiler */
__attribute__((noinline)) void *operator new(std::size_t size)
{
    header *block = static_cast<header *>(std::malloc(size + sizeof(header)));
    if (!block) {
        throw std::bad_alloc();
    }
    block->mark = MARK;
    made++;
    return block + 1;
}

__attribute__((noinline)) void operator delete(void *block) noexcept
{
    if (block) {
        header *start = static_cast<header *>(block) - 1;
        EXPECT(start->mark == MARK);
        start->mark = 0;
        unmade++;
        std::free(start);
    }
}

struct thing {
    long words[6];
};

static void every_form_uses_the_replaced_operators()
{
    delete new thing;
    delete[] new thing[7];
    delete new (std::nothrow) thing;
    delete[] new (std::nothrow) thing[3];
    ::operator delete(::operator new(48), std::size_t{48});
    ::operator delete[](::operator new[](480), std::size_t{480});
    ::operator delete(::operator new(10), std::nothrow);
    EXPECT(made == 7);
    EXPECT(unmade == 7);
}

int main(int argc, char **argv)
{
    static const struct claim claims[] = {
        {"every_form_uses_the_replaced_operators", every_form_uses_the_replaced_operators},
    };
    return check_claims(argc, argv, claims, 1);
}
