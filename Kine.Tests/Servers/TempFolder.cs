namespace Kine.Tests.Servers;

/// <summary>A folder that goes when its test ends.</summary>
public sealed class TempFolder : IDisposable
{
    public string FullName { get; } = Directory.CreateTempSubdirectory("kine-test-").FullName;

    public string this[string name] => Path.Combine(FullName, name);

    public void Dispose() => Directory.Delete(FullName, recursive: true);
}
