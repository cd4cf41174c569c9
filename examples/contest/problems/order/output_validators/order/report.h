#pragma once
#include <cstdlib>
#include <fstream>
#include <string>

/// Writes the reason for the judges and ends: 42 accepts, 43 rejects.
class Report {
public:
    explicit Report(const std::string &folder) : message(folder + "judgemessage.txt") {}

    [[noreturn]] void reject(const std::string &why) {
        message << why << '\n';
        message.close();
        std::exit(43);
    }

private:
    std::ofstream message;
};
