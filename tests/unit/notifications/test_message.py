"""A message is one line, then the advice, then facts: whatever the names in it hold."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cdi.notifications.message import AlertMessage, CodeTold

ANY = st.text(max_size=40)


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


@given(name=ANY, advice=ANY, code=ANY, value=ANY)
def test_no_name_becomes_a_tag_a_header_or_a_mention(name, advice, code, value):
    message = AlertMessage(
        headline=f"Sync {name} failed",
        advice=advice,
        sync_id=name,
        facts=[("Run", value)],
        codes=[CodeTold(code, 1, value)],
        links=[("Log", f"https://airflow/{value}")],
    )
    seen = Tags(message.html)
    assert seen.tags <= {"h3", "p", "table", "tr", "th", "td", "a"}
    assert seen.attributes <= {"align", "href"}
    assert len(message.subject.splitlines()) == 1
    assert not {"<", ">"} & set(message.slack)


def test_the_text_says_what_happened_what_to_do_and_then_the_rest():
    message = AlertMessage(
        headline="Sync s failed: missing",
        advice="Check the name.",
        sync_id="s",
        facts=[("Try", "1 of 3")],
        codes=[CodeTold("time_invalid", 1200, "Mend it.")],
        links=[("Log", "https://airflow/log")],
    )
    assert message.text == (
        "Sync s failed: missing\n\nCheck the name.\n\nTry: 1 of 3\ntime_invalid (1,200): Mend it.\nLog: https://airflow/log\n"
    )


def test_the_key_of_a_long_name_keeps_to_the_pagers_limit_and_to_its_sync():
    keys = [AlertMessage("h", "", "s", dedup_key=f"cdi-sync:{'x' * 400}{end}").dedup_key for end in ("a", "b", "a")]
    assert [len(key) for key in keys] == [255, 255, 255]
    assert keys[0] == keys[2] != keys[1]


def test_a_pager_hears_of_trouble_and_end_under_one_key():
    told = [AlertMessage("h", "", "s", dedup_key="k", is_over=is_over).to_json() for is_over in (False, True)]
    assert [one["dedup_key"] for one in told] == ["k", "k"]
    assert [AlertMessage("h", "", "s", is_over=is_over).action for is_over in (False, True)] == ["trigger", "resolve"]
