/* SPDX-License-Identifier: MIT */
/* C++ objects with a long tail: thread_local destructors that allocate, blocks that cross threads
 * in exceptions and futures, static objects whose destructors run after main. */
#include "claim.h"

#include <atomic>
#include <exception>
#include <future>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

extern "C" int __cxa_thread_atexit_impl(void (*run)(void *), void *object, void *library);
extern "C" void *__dso_handle;

namespace
{

std::atomic<int> destroyed{0};

struct Tail {
    std::string text = std::string(1000, 'x');
    std::map<int, std::string> more;

    ~Tail()
    {
        for (int i = 0; i < 100; i++) {
            more[i] = std::to_string(i) + text;
        }
        EXPECT(more.at(99).size() == 1002);
        destroyed++;
    }
};

thread_local Tail first_tail;
thread_local std::unique_ptr<Tail> second_tail;

void thread_local_destructors_allocate()
{
    destroyed = 0;
    for (int i = 0; i < 100; i++) {
        std::thread([] {
            first_tail.text += "y";
            first_tail.text.pop_back();
            second_tail.reset(new Tail);
        }).join();
    }
    EXPECT(destroyed == 200);
}

void allocate_and_free(void *object)
{
    std::string *text = static_cast<std::string *>(object);
    *text += std::string(5000, 'z');
    delete text;
    destroyed++;
}

void registered_destructors_allocate()
{
    destroyed = 0;
    for (int i = 0; i < 100; i++) {
        std::thread([] {
            for (int count = 0; count < 5; count++) {
                auto *text = new std::string(100, 'a');
                EXPECT(__cxa_thread_atexit_impl(allocate_and_free, text, &__dso_handle) == 0);
            }
        }).join();
    }
    EXPECT(destroyed == 500);
}

void exceptions_cross_threads()
{
    for (int i = 0; i < 200; i++) {
        auto result = std::async(std::launch::async, [i]() -> int {
            throw std::runtime_error(std::string(200, 'e') + std::to_string(i));
        });
        std::string what;
        try {
            result.get();
        } catch (const std::runtime_error &error) {
            what = error.what();
        }
        EXPECT(what == std::string(200, 'e') + std::to_string(i));
    }
}

void futures_hand_containers_over()
{
    std::vector<std::future<std::vector<std::string>>> all;
    for (int i = 0; i < 50; i++) {
        all.push_back(std::async(std::launch::async, [i] {
            return std::vector<std::string>(300, std::string(static_cast<std::size_t>(i) * 9, 'v'));
        }));
    }
    for (std::size_t i = 0; i < all.size(); i++) {
        std::vector<std::string> list = all[i].get();
        EXPECT(list.size() == 300 && list[299].size() == i * 9);
    }
}

Tail static_tail;

} // namespace

int main(int argc, char **argv)
{
    static const struct claim claims[] = {
        {"thread_local_destructors_allocate", thread_local_destructors_allocate},
        {"registered_destructors_allocate", registered_destructors_allocate},
        {"exceptions_cross_threads", exceptions_cross_threads},
        {"futures_hand_containers_over", futures_hand_containers_over},
    };
    static_tail.text += first_tail.text;
    static_tail.text.resize(1000);
    return check_claims(argc, argv, claims, sizeof claims / sizeof *claims);
}
