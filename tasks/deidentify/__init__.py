"""De-identification: what may leave of an instance, decided by the profile and proven on the finished bytes."""
