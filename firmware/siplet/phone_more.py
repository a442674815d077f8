# What few phones need: methods of Phone that are loaded with the first one used; each imports what it stands for.
# May import account, platform and, in its functions, the modules of sip/ that they stand for.

from siplet import platform
from siplet.account import Account


def add_account(phone, address, **options):
    """Be somebody at one more server: an Account, whose arguments these are; registers at once when the phone is open.

    A call goes out by the account whose domain it is for, else by the first; call.account, set before, chooses another.
    """
    account = Account(address, **options)
    phone.accounts.append(account)
    if phone.endpoint:
        account.start(phone.endpoint, platform.now())
        phone.pump()
    return account
