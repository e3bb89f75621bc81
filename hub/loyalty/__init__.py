"""Points: earned once for what was handed over, taken back once for what came back, whatever the channel."""

from hub.loyalty.adjustment import adjust
from hub.loyalty.checks import check_loyalty
from hub.loyalty.earning import activate_due, earn
from hub.loyalty.errors import (
    InsufficientPointsError,
    PointsError,
    PointsSourceReusedError,
    UnknownAccountError,
    UnknownProgrammeError,
)
from hub.loyalty.granting import grant_for_order
from hub.loyalty.messages import (
    CHANGED,
    AdjustPoints,
    AdjustReason,
    Balance,
    CreateProgramme,
    EarnPoints,
    GrantLine,
    GrantPoints,
    Movement,
    Outcome,
    ReversePoints,
    SpendPoints,
)
from hub.loyalty.models import LoyaltyProgramme
from hub.loyalty.programmes import (
    ProgrammeExistsError,
    create_programme,
    find_programme,
    programmes,
    programmes_by_ids,
)
from hub.loyalty.reading import MovementPage, balance, balances, histories, history
from hub.loyalty.reversal import reverse
from hub.loyalty.spending import spend

__all__ = [
    "CHANGED",
    "AdjustPoints",
    "AdjustReason",
    "Balance",
    "CreateProgramme",
    "EarnPoints",
    "GrantLine",
    "GrantPoints",
    "InsufficientPointsError",
    "LoyaltyProgramme",
    "Movement",
    "MovementPage",
    "Outcome",
    "PointsError",
    "PointsSourceReusedError",
    "ProgrammeExistsError",
    "ReversePoints",
    "SpendPoints",
    "UnknownAccountError",
    "UnknownProgrammeError",
    "activate_due",
    "adjust",
    "balance",
    "balances",
    "check_loyalty",
    "create_programme",
    "earn",
    "find_programme",
    "grant_for_order",
    "histories",
    "history",
    "programmes",
    "programmes_by_ids",
    "reverse",
    "spend",
]
