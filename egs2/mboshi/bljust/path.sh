#!/usr/bin/env bash
# The environment of this recipe; what all recipes share is in local/path.sh.
# shellcheck source=local/path.sh
. ../../../local/path.sh
