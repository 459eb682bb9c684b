"""The same two routes in FastAPI and asyncpg, on pydantic's own serialisation: what bench.request compares with.

It does for a request what the product does, in the product's one statement: the session's end and the tokens'
generation, suspension of account and user, the role, the sites that the user sees, the rate counter with its three
headers; also the request id and the security headers. It runs on uvloop and httptools. What it leaves out is in its
favour: ApiKeys, browser sessions, filters, search and ordering of the list, refusals before a body is read. What the
product has and it has not is a memory of verified signatures.
"""

import os
import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Generic, TypeVar

import asyncpg
import jwt
from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from pydantic import BaseModel

LIMIT = int(os.environ["RATE_LIMIT_GENERAL"])
KEY = os.environ["SECRET_KEY"]
RANK = {"viewer": 0, "editor": 1, "admin": 2, "owner": 3}
SANE = re.compile(rb"[A-Za-z0-9._-]{8,64}")
SECURITY = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"vary", b"Accept, Cookie"),
]
CALLER = """
WITH rate AS (
  INSERT INTO core_ratecounter AS c (key, "window", hits)
  VALUES ($5, floor(extract(epoch FROM clock_timestamp()) / 60)::bigint, 1)
  ON CONFLICT (key) DO UPDATE SET
    hits = CASE WHEN c."window" = EXCLUDED."window" THEN c.hits + 1 ELSE 1 END, "window" = EXCLUDED."window"
  RETURNING hits, "window"
)
SELECT u.id, u.email, u.role, u.is_active, u.account_id, a.status,
  CASE WHEN NOT u.all_sites AND u.role IN ('editor', 'viewer')
       THEN (SELECT coalesce(array_agg(x.site_id), '{}') FROM accounts_siteaccess x WHERE x.user_id = u.id)
  END AS sites,
  rate.hits, rate."window"
FROM rate
LEFT JOIN (
  accounts_user u
  JOIN accounts_account a ON a.id = u.account_id
  JOIN accounts_loginsession s ON s.user_id = u.id AND s.id = $2 AND s.ended_at IS NULL
) ON u.id = $1 AND u.token_generation = $3 AND u.account_id = $4
"""
Row = TypeVar("Row")


class Role(BaseModel):
    name: str
    description: str


class Data(BaseModel, Generic[Row]):
    success: bool = True
    data: list[Row]


class Site(BaseModel):
    id: int
    name: str
    slug: str
    domain: str
    industry: int | None
    timezone: str
    language: str
    is_hosted: bool
    is_active: bool
    created_at: datetime
    updated_at: datetime


class Page(BaseModel, Generic[Row]):
    count: int
    next: str | None
    previous: str | None
    results: list[Row]


ROLES = [Role(name=name, description=f"The role {name}.") for name in ("viewer", "editor", "admin", "owner")]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=8, max_size=8) as pool:
        app.state.pool = pool
        yield


class Headers:
    """The request id and the security headers, as plain ASGI: FastAPI's decorator for it is several times slower."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        request_id = given if SANE.fullmatch(given) else uuid.uuid4().hex.encode()

        async def send_with(message):
            if message["type"] == "http.response.start":
                message["headers"] += [*SECURITY, (b"x-request-id", request_id)]
            await send(message)

        await self.app(scope, receive, send_with)


app = FastAPI(lifespan=lifespan)
app.add_middleware(Headers)


async def database(request: Request) -> AsyncIterator[asyncpg.Connection]:
    async with request.app.state.pool.acquire() as connection:
        yield connection


Database = Annotated[asyncpg.Connection, Depends(database)]


async def caller(request: Request, response: Response, db: Database) -> asyncpg.Record:
    """The user and the account of the token; counts the request. 401, 403 or 429 when it may not go on."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    try:
        if kind.lower() != "bearer":
            raise HTTPException(401, "Log in first.")
        claims = jwt.decode(token, KEY, algorithms=["HS256"], issuer="igny8")
    except jwt.InvalidTokenError as error:
        raise HTTPException(401, "The token is not valid.") from error
    user = await db.fetchrow(
        CALLER,
        claims["user_id"],
        uuid.UUID(claims["session_id"]),
        claims["generation"],
        claims["account_id"],
        f"fastapi:{claims['account_id']}",
    )
    if user["id"] is None:
        raise HTTPException(401, "The session was ended.")
    if user["status"] != "active" or not user["is_active"]:
        raise HTTPException(403, "This account or user is suspended.")
    if RANK[user["role"]] < RANK["viewer"]:
        raise HTTPException(403, "This needs another role.")
    hits = user["hits"]
    if hits > LIMIT:
        raise HTTPException(429, "Too many requests.")
    response.headers["X-RateLimit-Limit"] = str(LIMIT)
    response.headers["X-RateLimit-Remaining"] = str(LIMIT - hits)
    response.headers["X-RateLimit-Reset"] = str((user["window"] + 1) * 60)
    return user


Caller = Annotated[asyncpg.Record, Depends(caller)]


@app.get("/api/v1/auth/groups/")
async def groups(user: Caller) -> Data[Role]:
    return Data(data=ROLES)


@app.get("/api/v1/auth/sites/")
async def sites(
    user: Caller,
    db: Database,
    page: Annotated[int, Query(ge=1)] = 1,
    page_size: Annotated[int, Query(ge=1, le=200)] = 20,
) -> Page[Site]:
    where = "account_id = $1 AND ($2::bigint[] IS NULL OR id = ANY($2))"
    scope = user["account_id"], user["sites"]
    count = await db.fetchval(f"SELECT count(*) FROM accounts_site WHERE {where}", *scope)
    rows = await db.fetch(
        f"""SELECT id, name, slug, domain, industry_id AS industry, timezone, language, is_hosted, is_active,
        created_at, updated_at
        FROM accounts_site WHERE {where} ORDER BY name, id LIMIT $3 OFFSET $4""",
        *scope,
        page_size,
        (page - 1) * page_size,
    )
    link = "/api/v1/auth/sites/?page={}"
    return Page(
        count=count,
        next=link.format(page + 1) if page * page_size < count else None,
        previous=link.format(page - 1) if page > 1 else None,
        results=[Site.model_construct(**row) for row in rows],
    )
