-- The roles of PostgREST's tutorials: requests without a token run as anon or web_anon.
CREATE ROLE anon NOLOGIN;
CREATE ROLE web_anon NOLOGIN;
CREATE ROLE authenticator NOINHERIT LOGIN;
GRANT anon TO authenticator;
GRANT web_anon TO authenticator;
