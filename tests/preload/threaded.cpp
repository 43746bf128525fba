/* SPDX-License-Identifier: MIT */
/* A threaded C++ program whose output depends only on its argument: containers, strings,
 * exceptions, over-aligned objects and blocks that cross threads. */
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace
{

struct alignas(128) Record {
    std::string name;
    std::vector<int> values;
    std::uint64_t sum = 0;
};

std::mutex lock;
std::deque<std::unique_ptr<Record>> handed_over;

std::uint64_t use_containers(unsigned seed)
{
    std::map<std::string, std::list<int>> ordered;
    std::unordered_map<int, std::string> hashed;
    std::uint64_t sum = 0;
    for (unsigned i = 0; i < 3000; i++) {
        unsigned value = (i + seed) * 7919 % 10007;
        ordered["key" + std::to_string(value % 500)].push_back(static_cast<int>(value));
        hashed[static_cast<int>(value % 700)] += std::to_string(value);
        if (value % 11 == 0) {
            hashed.erase(static_cast<int>(value % 350));
            ordered.erase("key" + std::to_string(value % 250));
        }
    }
    for (const auto &entry : ordered) {
        sum = sum * 31 + entry.second.size();
    }
    for (int i = 0; i < 700; i++) {
        auto found = hashed.find(i);
        sum = sum * 31 + (found == hashed.end() ? 1 : found->second.size());
    }
    return sum;
}

std::uint64_t use_exceptions(unsigned seed)
{
    std::uint64_t sum = 0;
    for (unsigned i = 0; i < 200; i++) {
        try {
            if ((i + seed) % 3 == 0) {
                throw std::out_of_range(std::string(i, 'o'));
            }
            std::vector<char>().at(i);
        } catch (const std::out_of_range &error) {
            sum += std::string(error.what()).size() > 0;
        }
    }
    return sum;
}

void hand_over(unsigned seed)
{
    for (unsigned i = 0; i < 100; i++) {
        auto record = std::make_unique<Record>();
        if (reinterpret_cast<std::uintptr_t>(record.get()) % alignof(Record) != 0) {
            std::abort();
        }
        record->name = std::string(i % 90, 'n');
        record->values.assign(i * 3, static_cast<int>(seed));
        std::lock_guard<std::mutex> hold(lock);
        handed_over.push_back(std::move(record));
        if (handed_over.size() > 50) {
            handed_over.pop_front();
        }
    }
}

void work(unsigned seed, std::uint64_t *result)
{
    hand_over(seed);
    *result = use_containers(seed) + use_exceptions(seed);
    hand_over(seed);
}

} // namespace

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 1;
    for (unsigned round = 0; round < rounds; round++) {
        std::vector<std::thread> threads;
        std::uint64_t results[6] = {};
        for (unsigned i = 0; i < 6; i++) {
            threads.emplace_back(work, round * 6 + i, &results[i]);
        }
        for (std::thread &thread : threads) {
            thread.join();
        }
        for (std::uint64_t result : results) {
            std::printf("%llx\n", static_cast<unsigned long long>(result));
        }
    }
    std::printf("%zu\n", handed_over.size());
    return 0;
}
