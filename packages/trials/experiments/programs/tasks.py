"""Tasks that send packets to each other by a scheduler, as the operating system of Richards' benchmark does: methods,
queues, polymorphism."""
from collections import deque


class Task:
    def __init__(self, name, scheduler):
        self.name, self.scheduler, self.queue, self.done = name, scheduler, deque(), 0

    def take(self, packet):
        self.queue.append(packet)

    def run(self):
        while self.queue:
            self.work(self.queue.popleft())
            self.done += 1


class Worker(Task):
    def work(self, packet):
        packet.sum = (packet.sum * 31 + packet.hops) & 0xFFFFFFF
        packet.hops -= 1
        if packet.hops > 0:
            self.scheduler.send(packet.sum % 6, packet)


class Device(Task):
    def work(self, packet):
        packet.sum ^= packet.hops
        packet.hops -= 1
        if packet.hops > 0:
            self.scheduler.send((packet.sum >> 3) % 6, packet)


class Packet:
    def __init__(self, hops):
        self.hops, self.sum = hops, hops


class Scheduler:
    def __init__(self):
        self.tasks = [Worker("a", self), Device("b", self), Worker("c", self), Device("d", self), Worker("e", self), Device("f", self)]

    def send(self, to, packet):
        self.tasks[to].take(packet)

    def run(self):
        while any(task.queue for task in self.tasks):
            for task in self.tasks:
                task.run()


scheduler = Scheduler()
for i in range(60):
    scheduler.send(i % 6, Packet(600_000))
scheduler.run()
assert sum(task.done for task in scheduler.tasks) == 60 * 600_000
