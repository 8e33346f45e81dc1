from rrdyn.cli.app import main

raise SystemExit(main())
