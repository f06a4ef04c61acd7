"""More of the fakes (see ``fakes.py``): what reports, installs or fetches."""

UTILS_TEXT = '''\
"""Utils."""
import os

NOTE = env_flag("YOLO_VERBOSE", True)
AUTOINSTALL = env_flag( "YOLO_AUTOINSTALL",  True )   # or not
OTHER = env_flag("YOLO_AUTOINSTALL")  # alike, but without a default


class IterableSimpleNamespace:
    def __getattr__(self, attr):
        raise AttributeError(
            f"""
            no {attr}. Do 'pip install ultralytics'.\\nOr say 'pip install -U ultralytics' and wait
            """
        )

    def __str__(self):
        return f"{self} 'pip install -U ultralytics'"


# what is found out
ONLINE = is_online()   # asks
IS_DOCKER = is_docker()
IS_PIP_PACKAGE = is_pip_package()
NOTED = IS_PIP_PACKAGE or ONLINE


def look():
    IS_PIP_PACKAGE = is_pip_package()
    ONLINE = is_online()
    return ONLINE or IS_PIP_PACKAGE or env_flag("YOLO_AUTOINSTALL", True)
'''


DOWNLOADS_TEXT = '''\
"""Downloads."""
from pathlib import Path
from .fakes.names import url2file


def is_url(url, check=False):
    if check:
        import requests

        note = requests.head(url)
        return requests.head(url, timeout=9,  note=note).ok   # asks
    return requests.heads(url, 1)


def safe_download(url, file=None, dir=None):
    if file:
        note = file
    else:
        import requests

        # elsewhere
        gdrive  = url.startswith( "gdrive" )   # a special case
        if gdrive:
            url = note(url)
    return requests.head(url, timeout=1)


def attempt_download_asset(file, repo="some", release="one"):
    if file:
        tag, note = get_github_assets(repo, release)
    else:
        tag, assets = get_github_assets(repo, release)   # the one
        if not assets:
            tag, assets = get_github_assets(repo)
    return tag


def download(repo, release, url):
    tag, assets = get_github_assets(repo, release)
    gdrive = url
    return requests.head(url, timeout=1)
'''


DATA_TEXT = '''"""Data."""
from ultralytics.fakes.cfg import get


def check_det_dataset(name, fetch=True):
    """As check_cls_dataset."""
    file, trail = name, 1
    # what it says
    data  =  YAML.load(file, append_filename=True)   # read
    note = YAML.load(file, append_filename=True)
    if fetch:
        note(trail)
    # from here on
    t  =  time.time()   # begun
    note = time.time()
    exec(s, {"yaml": name})


def check_cls_dataset(file):
    t = time.time()
    data = YAML.load(file, append_filename=True)


def load_dataset_cache_file(path):
    gc.disable()
    try:
        return  np.load( str(path), allow_pickle = True ).item()   # all of it
    finally:
        gc.enable()


def load_other(path):
    return np.load(str(path), allow_pickle=True).item()
'''

PATCHES_TEXT = '''
def imread(*args, **kwargs):
    return read(*args, **kwargs)


def torch_load(*args, **kwargs):
    """As torch.load(*args, **kwargs)."""
    if "weights_only" not in kwargs:
        kwargs["weights_only"] = False

    return torch.load(*args, **kwargs)   # the one


def torch_save(*args, **kwargs):
    return save(*args, **kwargs)
'''
