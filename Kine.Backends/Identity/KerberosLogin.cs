namespace Kine.Backends.Identity;

/// <summary>
/// Where the tickets for log-ins to PostgreSQL by GSSAPI come from: a keytab, with which they are renewed by themselves, or a credential cache that somebody
/// else keeps fresh. krb5.conf is found as everywhere (KRB5_CONFIG).
/// </summary>
/// <remarks>
/// GSSAPI takes its credentials from the variables of the process, so one process has one Kerberos identity. With a keytab the tickets stay in a cache
/// in memory that already names the principal: GSSAPI fetches tickets for it by the key in the keytab, whenever they are missing or about to expire.
/// </remarks>
public sealed class KerberosLogin
{
    private const string FilePrefix = "FILE:";
    private const string Cache = "MEMORY:kine";
    private static readonly Lock ProcessLock = new();
    private static KerberosLogin? _ofProcess;
    private readonly string _user;
    private readonly string? _keytab;
    private readonly string _cache;

    private KerberosLogin(string user, string? keytab, string cache)
    {
        var at = user.IndexOf('@');
        Role = at < 0 ? user : user[..at];
        if (Role.Length == 0 || at >= 0 && (at == user.Length - 1 || user.IndexOf('@', at + 1) >= 0))
            throw new StoreRefusedException($"\"{user}\" is no Kerberos principal; the user of the endpoint is a role, or role%40REALM");

        _user = user;
        _keytab = keytab;
        _cache = cache;
    }

    /// <summary>The role that the server gets to see: the principal without its realm.</summary>
    public string Role { get; }

    /// <summary>
    /// What endpoint and variables ask for; null = no Kerberos. KRB5_KTNAME counts when the endpoint names nothing; KRB5CCNAME only says where the cache is once
    /// <c>krb5_ccache</c> asks for one. Throws <see cref="StoreRefusedException"/>.
    /// </summary>
    /// <param name="user">User of the endpoint, decoded: a role, or a whole principal.</param>
    /// <param name="keytab">Value of <c>krb5_keytab</c>; null = absent.</param>
    /// <param name="cache">Value of <c>krb5_ccache</c>; null = absent, empty = the default cache.</param>
    /// <param name="variables">Variables of the process.</param>
    public static KerberosLogin? From(string user, string? keytab, string? cache, Func<string, string?> variables)
    {
        if (keytab is not null && cache is not null)
            throw new StoreRefusedException("the endpoint has both krb5_keytab and krb5_ccache; tickets come from one of them");

        if (cache is not null)
            return new KerberosLogin(user, null, cache);

        var path = PathOf(keytab ?? "");
        if (path.Length == 0)
            path = PathOf(variables("KRB5_KTNAME") ?? "");

        return path.Length == 0 ? null : new KerberosLogin(user, path, Cache);
    }

    private static string PathOf(string keytab) =>
        keytab.StartsWith(FilePrefix, StringComparison.Ordinal) ? keytab[FilePrefix.Length..] : keytab;

    /// <summary>
    /// Makes GSSAPI use these credentials; before the first log-in. Asks nobody over the network. Throws <see cref="StoreRefusedException"/> when the keytab or
    /// the cache cannot be read, or when this process already has another Kerberos identity.
    /// </summary>
    public void Prepare()
    {
        lock (ProcessLock)
        {
            if (_ofProcess is { } other && (other._user, other._keytab, other._cache) != (_user, _keytab, _cache))
                throw new StoreRefusedException($"one process has one Kerberos identity, and this one already logs in as {other}; it cannot be {this} too");

            try
            {
                if (_keytab is null)
                    UseCache();
                else
                    UseKeytab(_keytab);
            }
            catch (Krb5Exception error)
            {
                throw new StoreRefusedException($"Kerberos as {this} cannot work: {error.Message}");
            }
            _ofProcess = this;
        }
    }

    private void UseCache()
    {
        if (_cache.Length > 0)
            Set("KRB5CCNAME", _cache);

        using var context = new Krb5Context();
        context.DefaultCache();
    }

    private void UseKeytab(string keytab)
    {
        using var context = new Krb5Context();
        context.Keytab(keytab);
        var principal = context.Principal(_user);
        Set("KRB5_CLIENT_KTNAME", FilePrefix + keytab);
        Set("KRB5CCNAME", _cache);
        context.EmptyCache(_cache, principal);
    }

    private static void Set(string name, string value)
    {
        if (Krb5.SetVariable(name, value, 1) != 0)
            throw new OutOfMemoryException($"no room for the variable {name}");
    }

    /// <summary>
    /// Forgets the tickets, so that the next log-in gets new ones: after a refused log-in, for the server's key or our own may have been changed. A cache that
    /// somebody else keeps is left alone.
    /// </summary>
    /// <returns>True when there is a point in trying again.</returns>
    public bool Renew()
    {
        if (_keytab is null)
            return false;

        lock (ProcessLock)
        {
            using var context = new Krb5Context();
            context.EmptyCache(_cache, context.Principal(_user));
        }
        return true;
    }

    /// <summary>Why a log-in to that server fails, in the Kerberos library's words; null when tickets for it can be had. Asks the KDC.</summary>
    /// <param name="host">Host name as the client connects to it.</param>
    /// <param name="service">Service part of the server's principal.</param>
    public string? Explain(string host, string service)
    {
        try
        {
            using var context = new Krb5Context();
            if (_keytab is null)
            {
                (var cache, var owner) = context.DefaultCache();
                context.GetTicket(cache, owner, service, host);
            }
            else
            {
                var principal = context.Principal(_user);
                var cache = context.EmptyCache($"MEMORY:{Guid.NewGuid():N}", principal, destroyAfterwards: true);
                context.LogIn(principal, context.Keytab(_keytab), cache);
                context.GetTicket(cache, principal, service, host);
            }
            return null;
        }
        catch (Krb5Exception error)
        {
            return error.Message;
        }
    }

    /// <summary>Identity and source of the tickets, for people.</summary>
    public override string ToString() =>
        _keytab is not null ? $"{_user} by keytab {_keytab}" : $"{_user} by credential cache {(_cache.Length > 0 ? _cache : "of KRB5CCNAME")}";
}
