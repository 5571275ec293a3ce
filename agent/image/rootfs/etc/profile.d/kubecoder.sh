# A login shell's /etc/profile resets PATH to Debian's; put the image's own back in front.
PATH="$HOME/.local/bin:$HOME/go/bin:/opt/node/bin:/opt/go/bin:$PATH"
export PATH
