"""Asks sentinels and nodes who is the master, all at once; what they say is used as it comes in.

So hosts that are down cost one ASK_TIMEOUT in all, and nothing where the others are enough.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from queue import SimpleQueue
from threading import Thread

from .decide.answers import Heard, NodeAnswer, SentinelAnswer, nobody_heard, node_answer, sentinel_answer, told
from .members import Member
from .observe import Daemons, fields
from .resp import Denied, ErrorReply, Unanswered

Answer = SentinelAnswer | NodeAnswer


def hear(daemons: Daemons, sentinels: Sequence[Member], nodes: Sequence[Member]) -> Iterator[Answer]:
    """The answers of these, in the order in which they come in. Nobody waits for those that are not taken."""
    answers: SimpleQueue[Answer | Exception] = SimpleQueue()
    asked: list[Callable[[], Answer]] = [partial(ask_sentinel, daemons, member) for member in sentinels]
    asked += [partial(ask_node, daemons, member) for member in nodes]
    for ask in asked:
        Thread(target=_put, args=(answers, ask), daemon=True).start()
    for _ in asked:
        answer = answers.get()
        if isinstance(answer, Exception):
            raise answer
        yield answer


def heard_of(
    daemons: Daemons,
    sentinels: Sequence[Member],
    nodes: Sequence[Member],
    enough: Callable[[Heard], bool] = lambda _: False,
) -> Heard:
    """What these say, up to where it is enough; default: all of it."""
    heard = nobody_heard()
    for answer in hear(daemons, sentinels, nodes):
        heard.add(answer)
        if enough(heard):
            break
    return heard


def _put(answers: "SimpleQueue[Answer | Exception]", ask: Callable[[], Answer]) -> None:
    try:
        answers.put(ask())
    except Exception as mistake:
        answers.put(mistake)


def ask_sentinel(daemons: Daemons, member: Member) -> SentinelAnswer:
    """What one sentinel says."""
    name = daemons.members.master_name
    questions = f"SENTINEL GET-MASTER-ADDR-BY-NAME {name}", f"SENTINEL MASTER {name}", "SENTINEL MYID"
    try:
        replies = daemons.ask(member, *questions)
    except Denied as error:
        return SentinelAnswer(member, "refused", told(str(error)))
    except Unanswered as error:
        return SentinelAnswer(member, "silent", told(str(error)))
    return sentinel_answer(daemons.members, member, replies)


def ask_node(daemons: Daemons, member: Member) -> NodeAnswer:
    """What one node says."""
    try:
        (reply,) = daemons.ask(member, "INFO replication persistence keyspace")
    except Denied as error:
        return NodeAnswer(member, "refused", told(str(error)))
    except Unanswered as error:
        return NodeAnswer(member, "silent", told(str(error)))
    if isinstance(reply, ErrorReply):
        return NodeAnswer(member, "refused", told(reply.text))
    return node_answer(daemons.members, member, fields(reply), int(time.time()))
