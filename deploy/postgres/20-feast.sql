-- Run by the Postgres image at its first start: Feast's registry has tables of its own, named as others might name theirs.
CREATE DATABASE feast;
