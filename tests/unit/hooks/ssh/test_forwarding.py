"""Connections that are carried on through a channel: whichever direction notices first that the channel is gone."""

from __future__ import annotations

import socket
from contextlib import closing
from threading import Event

import pytest

from airflow_provider_cdi.hooks.ssh.forwarding import Forwarder, listen_on_loopback


class GoneChannel:
    """Is gone, and only one of its directions says so.

    :param says: which one, ``up`` or ``down``; the other waits until the channel is closed.
    """

    eof_received, closed = False, True

    def __init__(self, says):
        self._says = says
        self._is_closed = Event()

    def sendall(self, piece):
        assert self._says == "up" or self._is_closed.wait(60)
        raise OSError("Socket is closed")

    def recv(self, size):
        assert self._says == "down" or self._is_closed.wait(60)
        return b""

    def close(self):
        self._is_closed.set()


@pytest.mark.parametrize("says", ["up", "down"])
def test_that_a_channel_is_gone_is_told_before_our_side_hears_of_it(says):
    told = []
    listener = listen_on_loopback()
    address = listener.getsockname()
    ways = Forwarder(listener, lambda: GoneChannel(says), failed=told.append, ended=lambda: told.append("ended"))
    with closing(ways), socket.create_connection(address) as ours:
        ours.sendall(b"fetch")
        assert ours.recv(1) == b""
        assert told == ["ended"]
