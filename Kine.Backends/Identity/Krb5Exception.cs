namespace Kine.Backends.Identity;

/// <summary>What MIT Kerberos says went wrong, in its own words; they hold no secrets.</summary>
internal sealed class Krb5Exception(string message) : Exception(message);
