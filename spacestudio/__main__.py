"""python -m spacestudio"""

from spacestudio.cli import main

main()
