"""The hub's own pages: signing in, and the live board. They show what the public GraphQL API tells, and no more."""

from hub.console.figures import (
    MAX_RECENT_POINTS,
    WINDOW_SECONDS,
    ChannelFigures,
    LiveFigures,
    PointsChange,
    RequestFigures,
    live_figures,
    recent_points,
    request_figures,
)
from hub.console.pages import ConsoleController, static_files

__all__ = [
    "MAX_RECENT_POINTS",
    "WINDOW_SECONDS",
    "ChannelFigures",
    "ConsoleController",
    "LiveFigures",
    "PointsChange",
    "RequestFigures",
    "live_figures",
    "recent_points",
    "request_figures",
    "static_files",
]
