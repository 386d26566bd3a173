"""Superset settings of the cockpit; what differs between sites comes from the environment.

Belongs here: settings that Superset reads. Does not belong here: assets, roles, accounts.

Environment: YIGONG_HOME (required), SUPERSET_SECRET_KEY, SUPERSET_DB_URI, RATELIMIT_STORAGE_URI,
SUPERSET_HTTPS=1 when a proxy in front speaks https.
"""

from __future__ import annotations

import base64
import os
from datetime import timedelta
from typing import Any

import home
from flask import Flask, redirect
from sqlalchemy.engine.url import URL

_FOLDER = home.superset_home()
_HTTPS = os.environ.get("SUPERSET_HTTPS") == "1"

SECRET_KEY = home.secret_key()
SQLALCHEMY_DATABASE_URI = os.environ.get(
    "SUPERSET_DB_URI", f"sqlite:///{_FOLDER}/superset.db?check_same_thread=false"
)

# ---- Chinese -------------------------------------------------------------------------------

BABEL_DEFAULT_LOCALE = "zh"
LANGUAGES = {"zh": {"flag": "cn", "name": "简体中文"}}
D3_FORMAT = {"decimal": ".", "thousands": ",", "grouping": [3], "currency": ["¥", ""]}
D3_TIME_FORMAT = {
    "dateTime": "%Y年%-m月%-d日 %H:%M:%S",
    "date": "%Y-%m-%d",
    "time": "%H:%M:%S",
    "periods": ["上午", "下午"],
    "days": ["星期日", "星期一", "星期二", "星期三", "星期四", "星期五", "星期六"],
    "shortDays": ["周日", "周一", "周二", "周三", "周四", "周五", "周六"],
    "months": [f"{month}月" for month in range(1, 13)],
    "shortMonths": [f"{month}月" for month in range(1, 13)],
}

# ---- look ----------------------------------------------------------------------------------

APP_NAME = "县域医共体决策驾驶舱"
_LOGO = "data:image/svg+xml;base64," + base64.b64encode(
    (home.DASHBOARDS / "logo.svg").read_bytes()
).decode("ascii")
APP_ICON = _LOGO
FAVICONS = [{"href": _LOGO, "type": "image/svg+xml"}]
LOGO_TOOLTIP = APP_NAME
LOGO_RIGHT_TEXT = APP_NAME
_FONTS = "'Noto Sans CJK SC','Noto Sans SC','PingFang SC','Microsoft YaHei',sans-serif"
THEME_DEFAULT: dict[str, Any] = {
    "algorithm": "default",
    "token": {
        "brandAppName": APP_NAME,
        "brandLogoAlt": APP_NAME,
        "brandLogoUrl": _LOGO,
        "brandLogoMargin": "12px 0",
        "brandLogoHref": "/",
        "brandLogoHeight": "30px",
        "brandIconMaxWidth": 37,
        "colorPrimary": "#0F6B73",
        "colorLink": "#0F6B73",
        "colorInfo": "#3F7FB5",
        "colorSuccess": "#3C8D5A",
        "colorWarning": "#C98A1B",
        "colorError": "#B94A48",
        "colorBgLayout": "#F3F6F7",
        "borderRadius": 6,
        "fontUrls": [],
        "fontFamily": _FONTS,
        "fontFamilyCode": "'Noto Sans Mono','DejaVu Sans Mono',monospace",
        "fontSizeXS": "8",
        "fontSizeXXL": "28",
        "fontWeightLight": "300",
        "fontWeightNormal": "400",
        "fontWeightStrong": "500",
        "fontWeightBold": "700",
        "transitionTiming": 0.3,
        "colorEditorSelection": "#fff5cf",
    },
    "echartsOptionsOverrides": {
        "textStyle": {"fontFamily": "Noto Sans CJK SC, Microsoft YaHei, sans-serif"}
    },
}
THEME_DARK = None
ENABLE_UI_THEME_ADMINISTRATION = False
EXTRA_CATEGORICAL_COLOR_SCHEMES = [
    {
        "id": "yigong",
        "label": "医共体",
        "description": "",
        "isDefault": True,
        "colors": [
            "#0F6B73", "#D08B2C", "#3F7FB5", "#8A9A3B", "#A65D7B",
            "#5FA8A3", "#7A6BB0", "#C4694B", "#6F8791", "#B9A44C",
        ],
    }
]  # fmt: skip
EXTRA_SEQUENTIAL_COLOR_SCHEMES = [
    {
        "id": "yigong_depth",
        "label": "医共体渐变",
        "description": "",
        "isDiverging": False,
        "isDefault": True,
        "colors": ["#D9EBEA", "#B0D7D4", "#7DBDBA", "#3F969A", "#0F6B73"],
    }
]
FEATURE_FLAGS = {
    "ALLOW_ADHOC_SUBQUERY": False,
    "DASHBOARD_RBAC": True,
    "DRILL_BY": True,
    "DRILL_TO_DETAIL": True,
    "EMBEDDABLE_CHARTS": False,
    "ENABLE_TEMPLATE_PROCESSING": False,
    "RLS_IN_SQLLAB": True,
    "THUMBNAILS": False,
}

# ---- the warehouse: read only, no reach beyond its own file --------------------------------

# One process may open one file with one configuration only: change it here and nowhere else.
DUCKDB_CONFIG = {"enable_external_access": "false", "lock_configuration": "true"}


def DB_CONNECTION_MUTATOR(
    uri: URL, params: dict[str, Any], *_context: Any
) -> tuple[URL, dict[str, Any]]:
    """Open the version that is current now, read only, with one identical configuration."""
    if uri.drivername.startswith("duckdb"):
        uri = uri.set(database=str(home.warehouse()), query={})
        params["connect_args"] = {"read_only": True, "config": dict(DUCKDB_CONFIG)}
    return uri, params


PREVENT_UNSAFE_DB_CONNECTIONS = True
SQLLAB_CTAS_NO_LIMIT = False
ROW_LIMIT = 10_000
SQL_MAX_ROW = 50_000

# ---- caches on the file system -------------------------------------------------------------

DATA_CACHE_FOLDER = _FOLDER / "cache" / "data"


def _cache(name: str, timeout: timedelta) -> dict[str, Any]:
    return {
        "CACHE_TYPE": "FileSystemCache",
        "CACHE_DIR": str(_FOLDER / "cache" / name),
        "CACHE_DEFAULT_TIMEOUT": int(timeout.total_seconds()),
        "CACHE_THRESHOLD": 5000,
        "CACHE_KEY_PREFIX": f"{name}_",
    }


CACHE_CONFIG = _cache("metadata", timedelta(minutes=5))
DATA_CACHE_CONFIG = _cache("data", timedelta(hours=12))
FILTER_STATE_CACHE_CONFIG = _cache("filter_state", timedelta(days=30))
EXPLORE_FORM_DATA_CACHE_CONFIG = _cache("explore", timedelta(days=7))

# ---- who may come in -----------------------------------------------------------------------

AUTH_ROLE_PUBLIC = "Public"
PUBLIC_ROLE_LIKE = None
AUTH_USER_REGISTRATION = False
FAB_ADD_SECURITY_API = True
FAB_UPDATE_PERMS = False  # bootstrap.py does it once; every start would do it again
WTF_CSRF_ENABLED = True
PERMANENT_SESSION_LIFETIME = timedelta(hours=8)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = _HTTPS
LANDING_PAGE = "/superset/dashboard/county-overview/"
LOGIN_LIMIT = "10 per minute"
RATELIMIT_ENABLED = True
RATELIMIT_STORAGE_URI = os.environ.get("RATELIMIT_STORAGE_URI", "memory://")


def FLASK_APP_MUTATOR(app: Flask) -> None:
    """Throttle login posts, and make the overview the first page.

    AUTH_RATE_LIMIT covers only the login page, not what it posts to.
    """
    app.view_functions["SupersetIndexView.index"] = lambda: redirect(LANDING_PAGE)
    limiter = app.appbuilder.sm.limiter
    for endpoint in ("AuthDBView.login", "SupersetAuthView.login", "SecurityApi.login"):
        if endpoint in app.view_functions:
            app.view_functions[endpoint] = limiter.limit(LOGIN_LIMIT, methods=["POST"])(
                app.view_functions[endpoint]
            )


# ---- no outside host at all ----------------------------------------------------------------

TALISMAN_ENABLED = True
TALISMAN_CONFIG = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "connect-src": ["'self'"],
        "font-src": ["'self'"],
        "frame-ancestors": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "object-src": "'none'",
        "script-src": ["'self'", "'strict-dynamic'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "worker-src": ["'self'", "blob:"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,
    "session_cookie_secure": _HTTPS,
    "strict_transport_security": _HTTPS,
}
HTML_SANITIZATION = True
HTML_SANITIZATION_SCHEMA_EXTENSIONS = {"attributes": {"*": ["className"]}}
