"""A Windows security descriptor says whether others than the administrators may write."""

from __future__ import annotations

import pytest

from smista_mcp.policy.sddl import problem

ADMINISTRATORS_ONLY = "O:BAG:SYD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)"
PROGRAM_DATA = (
    "O:SYG:SYD:PAI(A;OICIIO;FA;;;CO)(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)(A;CI;DCLCRPCR;;;BU)"
)


@pytest.mark.parametrize(
    "text",
    [
        ADMINISTRATORS_ONLY,
        "O:S-1-5-32-544G:SYD:(A;;FA;;;S-1-5-18)",
        "O:SYD:(A;;FR;;;WD)(A;;FRFX;;;AU)(A;;GRGX;;;BU)",
        "O:BAD:(D;;FA;;;WD)",
        "O:BAD:(A;OICIIO;FA;;;WD)",
        "O:BAD:",
        "O:S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464D:(A;;FA;;;CO)",
    ],
)
def test_what_only_administrators_may_write_is_believed(text: str) -> None:
    assert problem(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "D:(A;;FR;;;WD)",
        "O:BUD:(A;;FA;;;BA)",
        "O:S-1-5-21-1-2-3-1001D:(A;;FA;;;BA)",
        "O:BAG:SY",
        "O:BAD:NO_ACCESS_CONTROL",
        "O:BAD:(A;;FA;;;WD)",
        "O:BAD:(A;;0x2;;;BU)",
        "O:BAD:(A;;GW;;;BU)",
        "O:BAD:(A;;FRSD;;;BU)",
        "O:BAD:(A;;WD;;;S-1-5-21-1-2-3-1001)",
        "O:BAD:(XA;;FW;;;BU;(x))",
        "O:BAD:(A;;??;;;BU)",
        "O:BAD:(A;;FA)",
        "O:BAD:(OA;;FW;;;BU)",
        PROGRAM_DATA,
    ],
)
def test_what_others_may_write_or_nobody_understands_is_not(text: str) -> None:
    assert problem(text) != ""


def test_everyone_may_add_to_program_data_but_not_replace_what_is_in_it() -> None:
    assert problem(PROGRAM_DATA, ancestor=True) == ""
    assert problem(PROGRAM_DATA.replace("DCLCRPCR", "DCLCDT"), ancestor=True) != ""
    assert problem(PROGRAM_DATA.replace("0x1200a9", "0x1300a9"), ancestor=True) != ""
