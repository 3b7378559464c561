"""An inventory over HTTP, by FastAPI, which writes its OpenAPI document itself.

The argument is a port on 127.0.0.1. Whoever shows no `Bearer inventory-secret` gets a 401. Each answer says
how the request was understood; some fail as they are told to.
"""

import asyncio
import sys
from enum import Enum
from typing import Annotated

import uvicorn
from fastapi import Body, Depends, FastAPI, Form, Header, HTTPException, Path, Query, Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from fastapi.security import HTTPBearer
from pydantic import BaseModel, Field

bearer = HTTPBearer()


async def known(shown=Depends(bearer)):
    if shown.credentials != "inventory-secret":
        raise HTTPException(401, "who are you?")


app = FastAPI(title="Inventory", dependencies=[Depends(known)])


class Kind(str, Enum):
    tool = "tool"
    part = "part"


class Item(BaseModel):
    name: str = Field(max_length=40)
    kind: Kind = Kind.part
    tags: list[str] = []
    within: "Item | None" = None


@app.get("/items/{item}", operation_id="getItem", tags=["read"])
async def get_item(request: Request, item: Annotated[str, Path()], verbose: bool = False):
    """One item by its name."""
    if item == "gone":
        raise HTTPException(404, "no such item")
    return {"item": item, "verbose": verbose, "path": request.scope["raw_path"].decode()}


@app.get("/items", operation_id="listItems", tags=["read"])
async def list_items(
    request: Request,
    tag: Annotated[list[str], Query()] = [],
    limit: Annotated[int, Query(le=100)] = 10,
    x_tenant: Annotated[str | None, Header()] = None,
):
    return {"tag": tag, "limit": limit, "tenant": x_tenant,
            "headers": {name: value for name, value in request.headers.items() if name != "authorization"}}


@app.post("/items", operation_id="makeItem", status_code=201, tags=["write"])
async def make_item(item: Item):
    return item


@app.put("/items/{item}/count", operation_id="setCount", tags=["write"])
async def set_count(item: str, count: Annotated[int, Body()]):
    return {"item": item, "count": count}


@app.post("/login", operation_id="logIn", tags=["write"])
async def log_in(user: Annotated[str, Form()], words: Annotated[str, Form()]):
    return {"user": user, "words": words}


@app.delete("/items/{item}", operation_id="deleteItem", status_code=204, tags=["write"])
async def delete_item(item: str):
    return Response(status_code=204)


@app.get("/wrong/{how}", operation_id="goWrong", tags=["wrong"])
async def go_wrong(how: str):
    if how == "redirect":
        return RedirectResponse("/items")
    if how == "text":
        return PlainTextResponse("plain words")
    if how == "garbage":
        return Response("<html>", media_type="application/json")
    if how == "slow":
        await asyncio.sleep(30)
    if how == "busy":
        raise HTTPException(429, "later", headers={"Retry-After": "7"})
    if how == "large":
        return PlainTextResponse("x" * 3_000_000)
    raise HTTPException(500, "broken")


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
