# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer verify --receipt` and `graphxfer verify-receipt`: what a person does with them."""

from __future__ import annotations

import pytest

from graphxfer.bundle import Bundle
from tests.cli.person import Person, tree
from tests.places import Place
from tests.receipt.samples import keygen
from tests.transfers import small


@pytest.fixture
def bundle(person: Person, destination: Place, request: pytest.FixtureRequest) -> Bundle:
    """A bundle that was applied."""
    bundle = small(person.home / "b", f"-{request.node.name}")
    person.run("apply", "b", destination.uri).done()
    return bundle


def test_a_receipt_from_the_first_to_the_last_step(
    person: Person, destination: Place, bundle: Bundle
) -> None:
    keygen(person.home / "ada")
    keygen(person.home / "eve")
    verify = ("verify", "b", destination.uri, "--receipt", "r.jsonld", "--person", "Ada Test")
    ran = person.run(*verify, "--sign", "ada").done()
    assert ran.out == f"{len(bundle.graph())} nodes: no differences\n"
    before = tree(person.home)

    check = ("verify-receipt", "r.jsonld", "b")
    ran = person.run(*check, "--allowed-signers", "ada.allowed").done()
    for text in (
        "Ada Test",
        destination.profile.user,
        "no differences",
        "of ada@example.org",
        "2 files as in the",
    ):
        assert text in ran.out
    found = person.run(*check, "--allowed-signers", "ada.allowed", "--json").done().json
    assert (found["matches"], found["signature"]["signer"]) == (True, "ada@example.org")
    assert found["classes"] == bundle.graph().types()
    assert {(one["by"], one["files"]) for one in found["checksums"]} == {
        ("source", 2),
        ("software", 2),
        ("destination", 2),
    }
    assert "the signer is not checked" in person.run(*check).done().out
    person.run(*check, "--allowed-signers", "eve.allowed").failed(1, "allowed signer", "eve")
    report = ("report", "b", "--receipt", "r.jsonld", "--no-validate", "-o", "../report.html")
    person.run(*report).done()
    page = (person.home / "../report.html").read_text("utf-8")
    assert all(text in page for text in (found["root"], "Ada Test", "as in the receipt"))

    with (person.home / "r.jsonld").open("a") as stream:
        stream.write(" ")
    person.run(*check).failed(1, "r.jsonld, line")
    (person.home / "r.jsonld").write_bytes(before["r.jsonld"].replace(b'"Ada Test"', b'"Eve Test"'))
    person.run(*check).failed(1, "not valid for this receipt")
    person.run(*report).failed(1, "not valid for this receipt")
    (person.home / "r.jsonld").write_bytes(before["r.jsonld"])
    assert tree(person.home) == before


def test_a_receipt_of_differences(person: Person, destination: Place, bundle: Bundle) -> None:
    """It is written, and says what was found; and who recorded what, of what is gone there."""
    person.run("undo", "b", destination.uri).done()
    verify = ("verify", "b", destination.uri, "--receipt", "r.jsonld")
    number = len(bundle.graph())
    ran = person.run(*verify, "--json").failed(3, f"{number} differences")
    assert len(ran.json) == number
    ran = person.run("verify-receipt", "r.jsonld", "b").done()
    assert f"Outcome:     {number} differences" in ran.out
    assert "Signature:   none" in ran.out
    found = person.run("verify-receipt", "r.jsonld", "b", "--json").done().json
    assert found["outcome"] == "differences"
    assert found["recorded"][0]["text"] == ran_text(person, destination)
    assert {one["type"]: one["number"] for one in found["not_moved"]} == bundle.graph().types()
    assert [one["by"] for one in found["checksums"]] == ["source"]


def ran_text(person: Person, destination: Place) -> str:
    """Return the first line of what verify prints."""
    text: str = person.run("verify", "b", destination.uri).failed(3).out.splitlines()[0]
    return text


def test_a_part_is_proven_without_the_bundle(
    person: Person, destination: Place, bundle: Bundle
) -> None:
    person.run("verify", "b", destination.uri, "--receipt", "r.jsonld").done()
    prove = ("verify-receipt", "r.jsonld", "b", "--node", "Image/1", "--node", "Mask/2")
    person.run(*prove, "--save-proof", "p.json").done()
    bundle.folder.rename(person.home / "away")
    ran = person.run("verify-receipt", "r.jsonld", "--proof", "p.json").done()
    assert "Proven:      Mask/2 belongs to the receipt" in ran.out
    forged = (person.home / "p.json").read_text().replace("a name that a user gave", "another")
    (person.home / "p.json").write_text(forged)
    ran = person.run("verify-receipt", "r.jsonld", "--proof", "p.json").failed(3, "1 mismatch")
    assert "Mismatch: Image/1: does not belong to the receipt" in ran.out
    assert "Proven:      Mask/2" in ran.out


def test_another_bundle(person: Person, destination: Place, bundle: Bundle) -> None:
    person.run("verify", "b", destination.uri, "--receipt", "r.jsonld").done()
    small(person.home / "other", "-other")
    ran = person.run("verify-receipt", "r.jsonld", "other").failed(3, "does not match")
    assert "Mismatch: TagAnnotation: the nodes are not as in the receipt" in ran.out
    assert "as in the receipt\nFiles" not in ran.out
    ran = person.run("verify-receipt", "r.jsonld", "other", "--json").failed(3)
    assert ran.json["matches"] is False
    assert any("TagAnnotation" in one for one in ran.json["mismatches"])


def test_an_old_signature_does_not_stay_beside_a_new_receipt(
    person: Person, destination: Place, bundle: Bundle
) -> None:
    keygen(person.home / "ada")
    keygen(person.home / "locked", "a passphrase")
    verify = ("verify", "b", destination.uri, "--receipt", "r.jsonld")
    person.run(*verify, "--sign", "ada").done()
    ran = person.run(*verify, "--sign", "locked").failed(1, "not signed", "passphrase", "ssh-add")
    assert "no differences" in ran.out
    assert not (person.home / "r.jsonld.sig").exists()
    check = ("verify-receipt", "r.jsonld", "b")
    assert "Signature:   none" in person.run(*check).done().out
    person.run(*check, "--allowed-signers", "ada.allowed").failed(1, "is not signed")


def test_what_cannot_be_done_is_reported_before_the_verification(
    person: Person, destination: Place
) -> None:
    small(person.home / "b")
    verify = ("verify", "b", "omero://nobody@127.0.0.1:1")  # to ask there would fail otherwise
    person.run(*verify, "--sign", "key").failed(2, "--receipt")
    person.run(*verify, "--person", "Ada").failed(2, "--receipt")
    person.run(*verify, "--receipt", "nowhere/r.jsonld").failed(2, "nowhere/r.jsonld")
    person.run(*verify, "--receipt", "b").failed(2, "existing folder")
    person.run(*verify, "--receipt", "r.jsonld", "--sign", "key").failed(1, "key: No such file")
    assert not (person.home / "r.jsonld").exists()
    person.run("verify-receipt", "r.jsonld").failed(2, "name a bundle")
    person.run("verify-receipt", "r.jsonld", "b", "--proof", "p").failed(2, "name a bundle")
    person.run("verify-receipt", "r.jsonld", "--proof", "p", "--node", "x/1").failed(2, "--node")
    person.run("verify-receipt", "r.jsonld", "b", "--save-proof", "p").failed(2, "--save-proof")
    person.run("verify-receipt", "r.jsonld", "b").failed(1, "r.jsonld: No such file")
    person.run("verify-receipt", "b/graph.jsonld", "b").failed(1, "line 1", "IRI")
