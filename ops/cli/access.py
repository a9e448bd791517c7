"""`backstock tenant add`, `backstock key add|revoke`: who may use a store."""

from typing import Annotated

import typer
from rich.console import Console

from ops.cli.output import print_json
from ops.cli.stack import AsJson, Data, directory_of
from ops.settings import Settings
from ops.stores import Stores


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    tenants = typer.Typer(help="Businesses that keep ledgers here.", no_args_is_help=True)
    tenants.command("add")(add_tenant)
    app.add_typer(tenants, name="tenant")
    keys = typer.Typer(help="API keys of a tenant.", no_args_is_help=True)
    keys.command("add")(add_key)
    keys.command("revoke")(revoke_key)
    app.add_typer(keys, name="key")


def add_tenant(
    tenant: Annotated[str, typer.Argument(help="Its id: lower-case letters, digits, hyphens.")],
    *,
    name: Annotated[str, typer.Option(help="Its name for people.")] = "",
    ledger: Annotated[list[str], typer.Option(help="A ledger of it; repeat for more than one.")] = [
        "main"
    ],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Make a tenant and its ledgers. Repeatable: what is there stays as it is.

    For example:

        backstock tenant add acme --name "Acme Ltd" --ledger main --ledger outlet
    """
    from ops import access

    made = access.add_tenant(_log_dsn(data), tenant, name=name or tenant, ledgers=ledger)
    if as_json:
        print_json({"tenant": tenant, "ledgers": made})
    else:
        Console(stderr=True).print(f"tenant {tenant} with {', '.join(made)}", highlight=False)


def add_key(
    tenant: Annotated[str, typer.Argument(help="The tenant that the key is for.")] = "",
    *,
    name: Annotated[str, typer.Option(help="What the key is for.")] = "",
    scope: Annotated[
        list[str] | None,
        typer.Option(help="What it may do; repeat for more (default: read and write)."),
    ] = None,
    operator: Annotated[
        bool, typer.Option("--operator", help="Of no tenant: for the steps of replays over HTTP.")
    ] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key. It is shown this once; the store keeps a hash of it.

    For example:

        backstock key add acme --name till-3 --scope inventory:write

        backstock key add acme --name packing --scope inventory:read --scope personal:read

        backstock key add --operator --name ops-1
    """
    from api.authentication import USUAL
    from ops import access

    if operator and (tenant or scope):
        raise access.AccessError("an operator's key is of no tenant: leave TENANT and --scope out")
    if operator:
        made = access.add_operator_key(_log_dsn(data), name=name)
    elif tenant:
        made = access.add_key(_log_dsn(data), tenant, name=name, scopes=scope or USUAL)
    else:
        raise access.AccessError("say which tenant the key is for, or --operator")
    if as_json:
        print_json({"tenant": made.tenant, "key_id": made.key_id, "api_key": made.api_key})
    else:
        Console().print(made.api_key, highlight=False)


def revoke_key(
    key_id: Annotated[str, typer.Argument(help="The part between bs_live_ and the secret.")],
    *,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Close a key for ever. Processes may know it for some seconds more.

    For example:

        backstock key revoke 3f9ac2d1b07e
    """
    from ops import access

    access.revoke_key(_log_dsn(data), key_id)
    if as_json:
        print_json({"key_id": key_id, "revoked": True})
    else:
        Console(stderr=True).print(f"key {key_id} is revoked", highlight=False)


def _log_dsn(data: Data) -> str:
    return Stores.of(Settings(data=directory_of(data).root)).log_dsn
