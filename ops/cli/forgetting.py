"""`backstock forget`: nobody can read any more who somebody was, and the ledger still verifies."""

from typing import Annotated

import typer
from rich.console import Console

from ops.cli.output import print_json
from ops.cli.stack import AsJson, Data, directory_of
from ops.settings import Settings
from ops.stores import Stores


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    app.command("forget")(forget)


def forget(
    tenant: Annotated[str, typer.Argument(help="Whose customer.")] = "",
    customer: Annotated[
        str, typer.Argument(help="The tenant's own name for them, or their subject id, sub_….")
    ] = "",
    *,
    foreign: Annotated[
        bool,
        typer.Option(
            "--foreign", help="Everybody whose key is not of this data directory's personal/."
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Forget a customer: their key and their name are deleted, and no name or address of theirs
    opens any more, in any copy of the log. There is no way back.

    Events stay as they are, so `backstock verify` stays green. An older backup knows the key, but
    cannot use it without `personal/`, which also says who was forgotten.

    For example:

        backstock forget acme C-77

        backstock forget --foreign     # after a restore without `personal/`
    """
    from api.personal_sealing import WrappingKey
    from ops import forgetting

    if foreign == bool(tenant or customer) or bool(tenant) != bool(customer):
        raise forgetting.ForgettingError("name a tenant and its customer, or --foreign")
    stores = Stores.of(Settings(data=directory_of(data).root))
    if not yes and not as_json:
        typer.confirm("There is no way back. Forget?", abort=True)
    if foreign:
        wrapping = WrappingKey(stores.personal_secret)
        count = forgetting.forget_foreign(stores.log_dsn, stores.directory.personal, wrapping.name)
        if as_json:
            print_json({"forgotten": count})
        else:
            Console(stderr=True).print(f"{count} subjects forgotten", highlight=False)
        return
    done = forgetting.forget(stores.log_dsn, stores.directory.personal, tenant, customer)
    if as_json:
        print_json({"tenant": done.tenant, "subject": done.subject, "known": done.known})
    else:
        said = "is forgotten" if done.known else "was not known"
        Console(stderr=True).print(f"{done.subject} {said}", highlight=False)
