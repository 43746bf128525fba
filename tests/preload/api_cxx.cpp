/* SPDX-License-Identifier: MIT */
/* The C++ operators in all their forms: each block can be written to its end and goes back by every
 * delete that fits, and a request that cannot be met calls the new handler before it throws. */
#include "claim.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <memory>
#include <new>
#include <string>
#include <vector>

namespace
{

constexpr std::size_t sizes[] = {0, 1, 8, 24, 100, 1024, 1025, 9000, 262145, 5 << 20};
constexpr std::size_t too_large = SIZE_MAX / 2;
volatile std::size_t hidden_size;
void *volatile sink; /* a block that nobody could see might never be asked for */

void use(void *block, std::size_t size, std::size_t align)
{
    EXPECT(block != nullptr);
    EXPECT(reinterpret_cast<std::uintptr_t>(block) % align == 0);
    EXPECT(malloc_usable_size(block) >= size);
    std::memset(block, 1, size);
}

void plain_forms_serve_every_size()
{
    for (std::size_t size : sizes) {
        void *block = ::operator new(size);
        use(block, size, 16);
        ::operator delete(block);
        block = ::operator new(size);
        ::operator delete(block, size);
        block = ::operator new[](size);
        use(block, size, 16);
        ::operator delete[](block);
        block = ::operator new[](size);
        ::operator delete[](block, size);
    }
}

void nothrow_forms_serve_every_size()
{
    for (std::size_t size : sizes) {
        void *block = ::operator new(size, std::nothrow);
        use(block, size, 16);
        ::operator delete(block, std::nothrow);
        block = ::operator new[](size, std::nothrow);
        use(block, size, 16);
        ::operator delete[](block, std::nothrow);
    }
}

void aligned_forms_serve_every_size()
{
    for (std::size_t size : sizes) {
        for (std::size_t align = 32; align <= 65536; align *= 4) {
            auto how = static_cast<std::align_val_t>(align);
            void *block = ::operator new(size, how);
            use(block, size, align);
            ::operator delete(block, how);
            block = ::operator new(size, how);
            ::operator delete(block, size, how);
            block = ::operator new[](size, how);
            use(block, size, align);
            ::operator delete[](block, how);
            block = ::operator new[](size, how);
            ::operator delete[](block, size, how);
        }
    }
}

void aligned_nothrow_forms_serve_every_size()
{
    for (std::size_t size : sizes) {
        for (std::size_t align = 16; align <= 65536; align *= 8) {
            auto how = static_cast<std::align_val_t>(align);
            void *block = ::operator new(size, how, std::nothrow);
            use(block, size, align);
            ::operator delete(block, how, std::nothrow);
            block = ::operator new[](size, how, std::nothrow);
            use(block, size, align);
            ::operator delete[](block, how, std::nothrow);
        }
    }
}

void null_can_be_deleted()
{
    auto how = static_cast<std::align_val_t>(64);
    void *volatile none = nullptr;
    errno = EDOM;
    ::operator delete(none);
    ::operator delete[](none);
    ::operator delete(none, hidden_size);
    ::operator delete[](none, hidden_size);
    ::operator delete(none, how);
    ::operator delete[](none, how);
    ::operator delete(none, std::nothrow);
    ::operator delete[](none, how, std::nothrow);
    EXPECT(errno == EDOM);
}

template <typename Call> bool throws_bad_alloc(Call call)
{
    try {
        call();
    } catch (const std::bad_alloc &) {
        return true;
    }
    return false;
}

void throwing_forms_throw_without_a_handler()
{
    auto how = static_cast<std::align_val_t>(128);
    std::set_new_handler(nullptr);
    EXPECT(throws_bad_alloc([] { return ::operator new(hidden_size); }));
    EXPECT(throws_bad_alloc([] { return ::operator new[](hidden_size); }));
    EXPECT(throws_bad_alloc([=] { return ::operator new(hidden_size, how); }));
    EXPECT(throws_bad_alloc([=] { return ::operator new[](hidden_size, how); }));
    EXPECT(throws_bad_alloc([] { sink = new char[hidden_size]; }));
    EXPECT(throws_bad_alloc([] { std::vector<int>().reserve(hidden_size / 8); }));
}

void nothrow_forms_return_null()
{
    auto how = static_cast<std::align_val_t>(128);
    std::set_new_handler(nullptr);
    EXPECT(::operator new(hidden_size, std::nothrow) == nullptr);
    EXPECT(::operator new[](hidden_size, std::nothrow) == nullptr);
    EXPECT(::operator new(hidden_size, how, std::nothrow) == nullptr);
    EXPECT(::operator new[](hidden_size, how, std::nothrow) == nullptr);
}

int handler_calls;

/* Gives up at its third call. */
void three_times()
{
    if (++handler_calls == 3) {
        std::set_new_handler(nullptr);
    }
}

void handler_is_called_until_it_is_gone()
{
    auto how = static_cast<std::align_val_t>(4096);
    handler_calls = 0;
    std::set_new_handler(three_times);
    EXPECT(throws_bad_alloc([] { return ::operator new(hidden_size); }));
    EXPECT(handler_calls == 3);

    handler_calls = 0;
    std::set_new_handler(three_times);
    EXPECT(throws_bad_alloc([=] { return ::operator new[](hidden_size, how); }));
    EXPECT(handler_calls == 3);

    handler_calls = 0;
    std::set_new_handler(three_times);
    EXPECT(::operator new(hidden_size, std::nothrow) == nullptr);
    EXPECT(handler_calls == 3);
}

[[noreturn]] void throwing_handler()
{
    handler_calls++;
    throw std::bad_alloc();
}

void handler_may_throw()
{
    handler_calls = 0;
    std::set_new_handler(throwing_handler);
    EXPECT(throws_bad_alloc([] { return ::operator new(hidden_size); }));
    EXPECT(::operator new(hidden_size, std::nothrow) == nullptr);
    EXPECT(handler_calls == 2);
    std::set_new_handler(nullptr);
}

struct alignas(256) Wide {
    char byte[300];
};

void containers_of_wide_objects_work()
{
    std::vector<std::unique_ptr<Wide[]>> all;
    for (std::size_t i = 1; i < 60; i++) {
        all.emplace_back(new Wide[i]);
        EXPECT(reinterpret_cast<std::uintptr_t>(all.back().get()) % 256 == 0);
        std::memset(all.back().get(), 7, i * sizeof(Wide));
    }
    std::string text;
    for (int i = 0; i < 100000; i++) {
        text += static_cast<char>('a' + i % 26);
    }
    EXPECT(text.size() == 100000 && text[99999] == 'a' + 99999 % 26);
}

/* The operators must be the library's own: the C++ library's would call malloc and hide a gap. */
void operators_are_exported()
{
    static const char *const names[] = {
        "_Znwm",
        "_Znam",
        "_ZnwmRKSt9nothrow_t",
        "_ZnamRKSt9nothrow_t",
        "_ZnwmSt11align_val_t",
        "_ZnamSt11align_val_t",
        "_ZnwmSt11align_val_tRKSt9nothrow_t",
        "_ZnamSt11align_val_tRKSt9nothrow_t",
        "_ZdlPv",
        "_ZdaPv",
        "_ZdlPvm",
        "_ZdaPvm",
        "_ZdlPvRKSt9nothrow_t",
        "_ZdaPvRKSt9nothrow_t",
        "_ZdlPvSt11align_val_t",
        "_ZdaPvSt11align_val_t",
        "_ZdlPvmSt11align_val_t",
        "_ZdaPvmSt11align_val_t",
        "_ZdlPvSt11align_val_tRKSt9nothrow_t",
        "_ZdaPvSt11align_val_tRKSt9nothrow_t",
    };
    for (const char *name : names) {
        bool is_wide = sizeof(std::size_t) == 8;
        expect(!is_wide || !library_under_test() || comes_from_library(name), name, __FILE__,
               __LINE__);
    }
}

} // namespace

int main(int argc, char **argv)
{
    static const struct claim claims[] = {
        {"operators_are_exported", operators_are_exported},
        {"plain_forms_serve_every_size", plain_forms_serve_every_size},
        {"nothrow_forms_serve_every_size", nothrow_forms_serve_every_size},
        {"aligned_forms_serve_every_size", aligned_forms_serve_every_size},
        {"aligned_nothrow_forms_serve_every_size", aligned_nothrow_forms_serve_every_size},
        {"null_can_be_deleted", null_can_be_deleted},
        {"throwing_forms_throw_without_a_handler", throwing_forms_throw_without_a_handler},
        {"nothrow_forms_return_null", nothrow_forms_return_null},
        {"handler_is_called_until_it_is_gone", handler_is_called_until_it_is_gone},
        {"handler_may_throw", handler_may_throw},
        {"containers_of_wide_objects_work", containers_of_wide_objects_work},
    };
    hidden_size = too_large;
    return check_claims(argc, argv, claims, sizeof claims / sizeof *claims);
}
