"""`backstock webhook add|revoke`: where payment providers report to."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from ops.cli.output import print_json
from ops.cli.stack import AsJson, Data, directory_of
from ops.settings import Settings
from ops.stores import Stores


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    webhooks = typer.Typer(help="Endpoints that payment providers report to.", no_args_is_help=True)
    webhooks.command("add")(add)
    webhooks.command("revoke")(revoke)
    app.add_typer(webhooks, name="webhook")


def add(
    tenant: Annotated[str, typer.Argument(help="Whose payments are reported.")],
    *,
    ledger: Annotated[str, typer.Option(help="The ledger they are recorded in.")] = "main",
    name: Annotated[str, typer.Option(help="Who reports there.")] = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Make an endpoint. Its secret is shown this once; the store keeps it wrapped.

    Give path and secret to the provider: it signs by Standard Webhooks. To change a secret, make
    another endpoint and revoke this one.

    For example:

        backstock webhook add acme --name card-provider
    """
    from api.personal_sealing import WrappingKey
    from ops import webhooks

    stores = Stores.of(Settings(data=directory_of(data).root))
    wrapping = WrappingKey(stores.personal_secret)
    made = webhooks.add_endpoint(stores.log_dsn, wrapping, tenant, ledger=ledger, name=name)
    if as_json:
        print_json(asdict(made))
    else:
        Console().print(f"{made.path}\n{made.secret}", highlight=False)


def revoke(
    endpoint: Annotated[str, typer.Argument(help="The last part of its address.")],
    *,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Close an endpoint for ever.

    For example:

        backstock webhook revoke 3f9ac2d1b07e4c55a1b2c3d4
    """
    from ops import webhooks

    webhooks.revoke_endpoint(Stores.of(Settings(data=directory_of(data).root)).log_dsn, endpoint)
    if as_json:
        print_json({"endpoint": endpoint, "revoked": True})
    else:
        Console(stderr=True).print(f"endpoint {endpoint} is revoked", highlight=False)
