"""The real parts that the tests of `make e2e` use: WordPress and RabbitMQ out of Debian's packages, on loopback."""
