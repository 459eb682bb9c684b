"""The same two routes in FastAPI and asyncpg, on pydantic's own serialisation: what bench.request compares with.

The counter is a row in PostgreSQL, which here is faster than Valkey through redis-py.
"""

import os
import time
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


app = FastAPI(lifespan=lifespan)


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
        """SELECT u.id, u.email, u.role, u.is_active, u.account_id, a.status
        FROM accounts_user u JOIN accounts_account a ON a.id = u.account_id WHERE u.id = $1""",
        claims["user_id"],
    )
    if user is None or not user["is_active"]:
        raise HTTPException(401, "There is no such user.")
    if user["status"] != "active":
        raise HTTPException(403, "This account is suspended.")
    window = int(time.time()) // 60
    hits = await db.fetchval(
        """INSERT INTO core_ratecounter AS c (key, "window", hits) VALUES ($1, $2, 1) ON CONFLICT (key) DO UPDATE SET
        hits = CASE WHEN c."window" = EXCLUDED."window" THEN c.hits + 1 ELSE 1 END, "window" = EXCLUDED."window"
        RETURNING hits""",
        f"fastapi:{user['account_id']}",
        window,
    )
    if hits > LIMIT:
        raise HTTPException(429, "Too many requests.")
    response.headers["X-RateLimit-Limit"] = str(LIMIT)
    response.headers["X-RateLimit-Remaining"] = str(LIMIT - hits)
    response.headers["X-RateLimit-Reset"] = str((window + 1) * 60)
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
    count = await db.fetchval("SELECT count(*) FROM accounts_site WHERE account_id = $1", user["account_id"])
    rows = await db.fetch(
        """SELECT id, name, slug, domain, industry_id AS industry, timezone, language, is_hosted, is_active,
        created_at, updated_at
        FROM accounts_site WHERE account_id = $1 ORDER BY name, id LIMIT $2 OFFSET $3""",
        user["account_id"],
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
