"""What `--help` says behind the options: lines that fit into a narrow terminal, in ASCII, which every one can show."""

from __future__ import annotations

EXIT_CODES = """exit codes: 0 all done, 1 something failed (other files were still done),
2 wrong usage, 130 interrupted."""
TOP = f"""first steps:
  inr encode photo.png         photo.inr beside it
  inr view photo.inr           or: inr decode photo.inr -o photo.jpg
  inr COMMAND --help           options and examples of each

{EXIT_CODES}"""
FOLDER = """-o names a folder if it is one, if it ends in /, or if there may be several
results; --recursive keeps the folders below it."""
NAMES = f"""- is stdin, whose result goes to stdout unless -o says otherwise; -o - is
stdout. A name that begins with a dash is spelled ./-name.

{EXIT_CODES}"""
ENCODE = f"""examples:
  inr encode photo.png                      photo.inr beside it
  inr encode *.png -o small/ --quality 60   many, into a folder
  inr encode photos/ -o small/ -r --skip-existing
  inr encode page.png --target-size 20000   the best of 20 kB
  inr encode mask.png --lossless
  curl ... | inr encode - > photo.inr

{FOLDER}
A file's name ends in .inr or stands for no format: others are refused.
{NAMES}
Ctrl-C while encoding keeps the best file so far; a second one stops at once."""
DECODE = f"""examples:
  inr decode small/*.inr -o big/            PNGs in a folder
  inr decode photo.inr -o photo.jpg
  inr decode photo.inr -o part.png --region 100,50,500,350 --size 800x600
  inr decode cut.inr --truncated            what there is of it

The format is that of --format, else the one that the name behind -o stands
for, else PNG; where both are there they must agree. What it cannot hold, like
transparency in JPEG, is converted, and told of.
{FOLDER}
{NAMES}"""
INFO = f"""examples:
  inr info photo.inr
  inr info small/ --json

{EXIT_CODES}"""
COMPLETION = f"""example, for bash, once:
  inr completion bash > ~/.local/share/bash-completion/completions/inr

{EXIT_CODES}"""
THUMBNAIL = f"""example:
  inr thumbnail photo.inr small.png --size 128

{EXIT_CODES}"""
SET = f"""examples:
  inr set photo.inr --orientation 6 --text "Author=Ada"
  inr set *.inr --strip
  inr set photo.inr --exif other.jpg -o new.inr

--strip and --no-... come first, wherever they stand.

{EXIT_CODES}"""
VERIFY = f"""examples:
  inr verify photo.inr
  inr verify small/ -r --json
  inr verify --same page.png page.inr

{EXIT_CODES}"""
VIEW = f"""examples:
  inr view photo.inr
  inr view small/

{EXIT_CODES}"""
DESKTOP = f"""examples:
  inr desktop install
  inr desktop uninstall
  inr desktop install --prefix /usr/local/share     for all users

Thumbnailers of GNOME run in a sandbox that sees little but /usr: there
pillow-inr must be installed below it, and --prefix be /usr/share.

{EXIT_CODES}"""
ENABLE = f"""examples:
  inr enable
  inr enable --user

{EXIT_CODES}"""
DISABLE = f"""example:
  inr disable

{EXIT_CODES}"""
STATUS = f"""example:
  inr status && echo "programs here open .inr"

{EXIT_CODES}"""
