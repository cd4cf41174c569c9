// Any order is right in which each task comes after those that it needs.
#include <fstream>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "report.h"

int main(int, char **argv) {
    std::ifstream input(argv[1]);
    Report report(argv[3]);

    int tasks, needs;
    input >> tasks >> needs;
    std::vector<std::pair<int, int>> before(needs);
    for (auto &[first, then] : before) input >> first >> then;

    std::vector<int> place(tasks + 1, -1);
    for (int at = 0; at < tasks; at++) {
        int task;
        if (!(std::cin >> task)) report.reject("there are fewer than " + std::to_string(tasks) + " numbers");
        if (task < 1 || task > tasks) report.reject("there is no task " + std::to_string(task));
        if (place[task] >= 0) report.reject("task " + std::to_string(task) + " is done twice");
        place[task] = at;
    }
    std::string more;
    if (std::cin >> more) report.reject("there is more output after the order");
    for (auto [first, then] : before) {
        if (place[first] > place[then])
            report.reject("task " + std::to_string(then) + " comes before task " + std::to_string(first));
    }
    return 42;
}
