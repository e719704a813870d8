namespace Kine.Tests.Identity;

/// <summary>Variables of this process for as long as a test runs.</summary>
public sealed class ProcessVariables : IDisposable
{
    private readonly Dictionary<string, string?> _before = [];

    public ProcessVariables(params (string Name, string Value)[] variables)
    {
        foreach ((var name, var value) in variables)
        {
            _before[name] = Environment.GetEnvironmentVariable(name);
            Environment.SetEnvironmentVariable(name, value);
        }
    }

    public void Dispose()
    {
        foreach ((var name, var value) in _before)
            Environment.SetEnvironmentVariable(name, value);
    }
}
