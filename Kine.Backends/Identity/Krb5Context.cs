using System.Runtime.InteropServices;

namespace Kine.Backends.Identity;

/// <summary>A context of MIT Kerberos with all that was opened in it; for one thread. Reads krb5.conf anew, from where KRB5_CONFIG says.</summary>
internal sealed unsafe class Krb5Context : IDisposable
{
    private readonly Stack<Action> _closing = [];
    private readonly nint _context;

    /// <summary>Throws <see cref="Krb5Exception"/> when krb5.conf cannot be read or the library is missing.</summary>
    public Krb5Context()
    {
        try
        {
            var code = Krb5.CreateContext(out _context);
            if (code != 0)
                throw Error(code); // The library takes a null context for messages.
        }
        catch (DllNotFoundException)
        {
            throw new Krb5Exception("the Kerberos library libkrb5.so.3 is not installed (Debian: libgssapi-krb5-2)");
        }
    }

    /// <summary>Principal of that name, in the default realm if it names none.</summary>
    public nint Principal(string name)
    {
        Check(Krb5.ParseName(_context, name, out var principal));
        _closing.Push(() => Krb5.FreePrincipal(_context, principal));
        return principal;
    }

    /// <summary>Keytab of that path, which must have entries.</summary>
    public nint Keytab(string path)
    {
        Check(Krb5.OpenKeytab(_context, "FILE:" + path, out var keytab));
        _closing.Push(() => Krb5.CloseKeytab(_context, keytab));
        Check(Krb5.KeytabHasContent(_context, keytab));
        return keytab;
    }

    /// <summary>Credential cache of that name, emptied and made the principal's.</summary>
    public nint EmptyCache(string name, nint principal, bool destroyAfterwards = false)
    {
        Check(Krb5.OpenCache(_context, name, out var cache));
        _closing.Push(() => _ = destroyAfterwards ? Krb5.DestroyCache(_context, cache) : Krb5.CloseCache(_context, cache));
        Check(Krb5.InitializeCache(_context, cache, principal));
        return cache;
    }

    /// <summary>The default credential cache and whose it is.</summary>
    public (nint Cache, nint Principal) DefaultCache()
    {
        Check(Krb5.OpenDefaultCache(_context, out var cache));
        _closing.Push(() => _ = Krb5.CloseCache(_context, cache));
        Check(Krb5.CachePrincipal(_context, cache, out var principal));
        _closing.Push(() => Krb5.FreePrincipal(_context, principal));
        return (cache, principal);
    }

    /// <summary>Asks the KDC for the principal's own ticket, by the key in the keytab, and keeps it in the cache.</summary>
    public void LogIn(nint principal, nint keytab, nint cache)
    {
        var credentials = default(Krb5.Credentials);
        Check(Krb5.LogIn(_context, &credentials, principal, keytab, 0, 0, 0));
        var stored = Krb5.Store(_context, cache, &credentials);
        Krb5.FreeCredentialsContents(_context, &credentials);
        Check(stored);
    }

    /// <summary>Asks the KDC for a ticket for a service on a host, unless the cache has one.</summary>
    public void GetTicket(nint cache, nint principal, string service, string host)
    {
        Check(Krb5.ServicePrincipal(_context, host, service, Krb5.ServiceOnHost, out var server));
        _closing.Push(() => Krb5.FreePrincipal(_context, server));
        var wanted = new Krb5.Credentials { Client = principal, Server = server };
        Check(Krb5.GetTicket(_context, 0, cache, &wanted, out var ticket));
        Krb5.FreeCredentials(_context, ticket);
    }

    private void Check(int code)
    {
        if (code != 0)
            throw Error(code);
    }

    private Krb5Exception Error(int code)
    {
        var text = Krb5.ErrorMessage(_context, code);
        var message = Marshal.PtrToStringUTF8(text) ?? "";
        Krb5.FreeErrorMessage(_context, text);
        return new Krb5Exception(message);
    }

    public void Dispose()
    {
        while (_closing.TryPop(out var close))
            close();

        Krb5.FreeContext(_context);
    }
}
