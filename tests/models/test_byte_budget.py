"""A budget of bytes that threads share."""

import threading

from models.imaging.byte_budget import ByteBudget


def test_what_fits_runs_together_and_what_does_not_waits() -> None:
    budget, inside, third = ByteBudget(100), threading.Barrier(3), threading.Event()
    leave = threading.Event()

    def small() -> None:
        with budget.take(50):
            inside.wait(5)
            leave.wait(5)

    def late() -> None:
        with budget.take(1):
            third.set()

    both = [threading.Thread(target=small) for _ in range(2)]
    for thread in both:
        thread.start()
    inside.wait(5)
    waiting = threading.Thread(target=late)
    waiting.start()
    assert not third.wait(0.1)
    leave.set()
    assert third.wait(5)
    for thread in (*both, waiting):
        thread.join()


def test_what_is_larger_than_all_runs_alone() -> None:
    budget = ByteBudget(10)
    with budget.take(1000):
        entered = threading.Event()

        def other() -> None:
            with budget.take(1):
                entered.set()

        thread = threading.Thread(target=other)
        thread.start()
        assert not entered.wait(0.1)
    assert entered.wait(5)
    thread.join()


def test_nobody_overtakes_who_came_first() -> None:
    budget, order, lock = ByteBudget(10), [], threading.Lock()

    def take(name: str, needed: int) -> None:
        with budget.take(needed), lock:
            order.append(name)

    with budget.take(5):
        large = threading.Thread(target=take, args=("large", 10))
        large.start()
        while budget.waiting != 1:
            pass
        small = threading.Thread(target=take, args=("small", 1))
        small.start()
        while budget.waiting != 2:
            pass
    large.join()
    small.join()
    assert order == ["large", "small"]
