"""The OpenAPI document as a Postman collection (v2.1): a folder for each tag, examples included."""

import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
#: What the collection's user fills in; the paths' names have values of their own.
_VARIABLES = {"baseUrl": "http://127.0.0.1:8000", "apiKey": ""}
_JSON = {"key": "Content-Type", "value": "application/json"}


def collection(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the collection; it asks for nothing over the network."""
    folders: dict[str, list[Any]] = {tag["name"]: [] for tag in document["tags"]}
    for path, method, operation in _operations(document):
        folders[operation["tags"][0]].append(_item(path, method, operation))
    info = document["info"]
    return {
        "info": {"name": info["title"], "description": info["description"], "schema": SCHEMA},
        "auth": {
            "type": "bearer",
            "bearer": [{"key": "token", "value": "{{apiKey}}", "type": "string"}],
        },
        "variable": [{"key": key, "value": value} for key, value in _VARIABLES.items()],
        "item": [{"name": name, "item": items} for name, items in folders.items()],
    }


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield path, method, operation


def _item(path: str, method: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    request: dict[str, Any] = {
        "method": method.upper(),
        "header": _headers(operation),
        "url": _url(path, operation),
        "description": operation["description"],
    }
    if operation.get("security") == []:
        request["auth"] = {"type": "noauth"}
    if "requestBody" in operation:
        example = operation["requestBody"]["content"]["application/json"]["example"]
        request["body"] = {
            "mode": "raw",
            "raw": json.dumps(example, indent=2),
            "options": {"raw": {"language": "json"}},
        }
    # Errors are everywhere the same; they would make up most of the file.
    answers = [
        _answer(code, answer, request)
        for code, answer in operation["responses"].items()
        if "$ref" not in answer
    ]
    return {"name": operation["summary"], "request": request, "response": answers}


def _parameters(operation: Mapping[str, Any], place: str) -> Iterator[Mapping[str, Any]]:
    return (each for each in operation.get("parameters", ()) if each["in"] == place)


def _headers(operation: Mapping[str, Any]) -> list[dict[str, Any]]:
    named = [
        {
            "key": each["name"],
            "value": "{{$guid}}",
            "description": each["description"],
            "disabled": True,
        }
        for each in _parameters(operation, "header")
    ]
    return [_JSON, *named] if "requestBody" in operation else named


def _url(path: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    parts = [
        f":{part[1:-1]}" if part.startswith("{") else part for part in path.strip("/").split("/")
    ]
    return {
        "raw": "{{baseUrl}}/" + "/".join(parts),
        "host": ["{{baseUrl}}"],
        "path": parts,
        "query": [
            {
                "key": each["name"],
                "value": str(_example(each["schema"])),
                "description": each.get("description", ""),
                "disabled": True,
            }
            for each in _parameters(operation, "query")
        ],
        "variable": [
            {"key": each["name"], "value": "", "description": each["description"]}
            for each in _parameters(operation, "path")
        ],
    }


def _example(schema: Mapping[str, Any]) -> Any:
    default = schema.get("default", (schema.get("enum") or [""])[0])
    return str(default).lower() if isinstance(default, bool) else default


def _answer(code: str, answer: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    media = answer.get("content", {}).get("application/json")
    return {
        "name": answer.get("description") or HTTPStatus(int(code)).phrase,
        "originalRequest": {key: request[key] for key in ("method", "header", "url")},
        "status": HTTPStatus(int(code)).phrase,
        "code": int(code),
        "_postman_previewlanguage": "json",
        "header": [_JSON] if media else [],
        "cookie": [],
        "body": json.dumps(media["example"], indent=2) if media else "",
    }
