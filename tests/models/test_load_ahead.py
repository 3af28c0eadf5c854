"""What is loaded ahead is there when it is needed, and so is its failure."""

import threading

import pytest

from models.errors import CheckpointError
from models.load_ahead import load_ahead
from models.load_once import LoadOnce


def test_it_is_loaded_by_another_thread_and_once() -> None:
    loaded, values = threading.Event(), LoadOnce[str, str]()
    threads: list[int] = []

    def load() -> str:
        threads.append(threading.get_ident())
        loaded.set()
        return "model"

    load_ahead(lambda: values.get("name", load))
    assert loaded.wait(20)
    assert values.get("name", load) == "model"
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_failure_is_raised_in_whoever_needs_it() -> None:
    tried, values = threading.Event(), LoadOnce[str, str]()

    def load() -> str:
        tried.set()
        raise CheckpointError("damaged")

    load_ahead(lambda: values.get("name", load))
    assert tried.wait(20)
    with pytest.raises(CheckpointError, match="damaged"):
        values.get("name", load)
